"""A channel without its secret is the user's to mend, and is told as that."""

import re
from typing import Any, Final

import pytest

from config.channels import (
    AppriseEntry,
    ChannelEntry,
    DiscordEntry,
    LineEntry,
    PagerDutyEntry,
    SlackEntry,
    TeamsEntry,
)
from config.receiver import Receiver
from schemas.errors import ConfigurationError
from tests.support.providers import line as line_fake
from tests.workers.dispatcher.rig import MovedClock
from workers.dispatcher.channels import open_channel

NO_CLIENT: Final[Any] = None


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        ("slack.token", SlackEntry(channel="C0123456789")),
        ("pagerduty.routing_key", PagerDutyEntry()),
        ("discord.url", DiscordEntry()),
        ("teams.url", TeamsEntry()),
        ("line.token", LineEntry(to=line_fake.TO)),
        ("apprise.url", AppriseEntry()),
    ],
)
def test_no_channel_opens_without_the_secret_that_it_needs(secret: str, keys: ChannelEntry) -> None:
    receiver = Receiver("desk", "slack", settings=keys)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(secret)} is missing$"):
        open_channel(receiver, NO_CLIENT, MovedClock())
