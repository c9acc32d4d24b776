"""Somebody to tell, resolved for use: the channel with its secrets, and the pace that it bears."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple, cast

from pydantic import SecretStr

from config.channels import ChannelEntry, ChannelKind, WebhookEntry
from config.receivers import ReadReceiver


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that gets JSON; with a secret each request is signed. The address may hold a token: not shown."""

    url: str = field(repr=False)
    secret: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Throttle:
    """At most `count` notifications `per` so long; what exceeds it is bundled, never dropped."""

    count: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody to tell, by one channel. `settings`: the keys of a channel that is neither terminal nor webhook."""

    name: str
    kind: ChannelKind
    webhook: Webhook | None = None
    throttle: Throttle | None = None
    fallback: str | None = None
    settings: ChannelEntry | None = None


class ProviderPace(NamedTuple):
    """The throttle of a channel where the file says none, whose limit it keeps, and how many messages may be changed.

    Changes have a pace of their own, so that a burst that takes in hundreds of incidents keeps no page waiting.
    """

    throttle: Throttle
    whose: str
    edits: Throttle | None = None


_MINUTE: Final = timedelta(minutes=1)

# What a destination bears by its provider's own rules, with room for edits and for another program beside ours.
PROVIDER_PACES: Final[Mapping[str, ProviderPace]] = {
    "slack": ProviderPace(
        Throttle(20, _MINUTE), "Slack's: about one message a second and channel", edits=Throttle(30, _MINUTE)
    ),
    "pagerduty": ProviderPace(
        Throttle(60, _MINUTE), "PagerDuty's: 120 events a minute and integration key", edits=Throttle(40, _MINUTE)
    ),
    "email": ProviderPace(Throttle(20, _MINUTE), "ours: a mail server says no limit, a mailbox has one"),
    "discord": ProviderPace(
        Throttle(15, _MINUTE), "Discord's: 30 requests a minute and webhook", edits=Throttle(10, _MINUTE)
    ),
    "teams": ProviderPace(Throttle(30, _MINUTE), "Microsoft's: four requests a second and workflow"),
    "line": ProviderPace(Throttle(10, _MINUTE), "ours: LINE bills each message to each person"),
    "apprise": ProviderPace(Throttle(12, _MINUTE), "ours: apprise tells no limit of the service behind it"),
}


def receiver_of(read: ReadReceiver) -> Receiver:
    """The receiver of what was read from the file."""
    entry, kind = read.entry, cast(ChannelKind, read.kind)
    throttle = PROVIDER_PACES[kind].throttle if kind in PROVIDER_PACES else None
    if entry.throttle is not None:
        throttle = Throttle(entry.throttle.count, entry.throttle.per)
    if isinstance(read.channel, WebhookEntry):
        webhook = Webhook(read.channel.url, read.channel.secret)
        return Receiver(entry.name, kind, webhook, throttle, entry.fallback)
    settings = None if kind == "console" else read.channel
    return Receiver(entry.name, kind, None, throttle, entry.fallback, settings)
