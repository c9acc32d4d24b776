"""The channels: thin edges that hand a frozen notification to its receiver and say how that went."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, runtime_checkable

import aiohttp

from config.channels import (
    AlertmanagerEntry,
    AppriseEntry,
    DiscordEntry,
    EmailEntry,
    LineEntry,
    PagerDutyEntry,
    SlackEntry,
    TeamsEntry,
)
from config.routes import Receiver
from config.templates import Templates, built_in
from workers.dispatcher.channels.alertmanager import AlertmanagerChannel
from workers.dispatcher.channels.apprise import AppriseChannel
from workers.dispatcher.channels.console import ConsoleChannel
from workers.dispatcher.channels.discord import DiscordChannel
from workers.dispatcher.channels.email import EmailChannel
from workers.dispatcher.channels.line import LineChannel
from workers.dispatcher.channels.pagerduty import PagerDutyChannel
from workers.dispatcher.channels.slack import SlackChannel
from workers.dispatcher.channels.teams import TeamsChannel
from workers.dispatcher.channels.tools import Book, NoBook, Ref, Tools
from workers.dispatcher.channels.webhook import WebhookChannel
from workers.dispatcher.outcome import Result
from workers.dispatcher.style import Style
from workers.runtime.clock import Clock


class Channel(Protocol):
    """A way to reach a receiver."""

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:
        """One attempt, bounded in time; never raises for what the other side does."""


@runtime_checkable
class EditableChannel(Protocol):
    """A channel whose messages can be changed in place when an incident is taken, resolved, or loses a post."""

    async def edit(self, ref: Ref, main: bool, body: bytes, style: Style) -> Result:
        """One attempt to make a message say what the body says. A `client` failure: it can't be changed any more."""


@runtime_checkable
class AskableChannel(Protocol):
    """A channel whose provider says whether our secret is good, without anything being sent."""

    async def ask(self) -> Result:
        """One question, bounded in time."""


_CHANNELS: Final[Mapping[type, Callable[[Any, str, Tools], Channel]]] = {
    SlackEntry: SlackChannel,
    PagerDutyEntry: PagerDutyChannel,
    AlertmanagerEntry: AlertmanagerChannel,
    EmailEntry: EmailChannel,
    DiscordEntry: DiscordChannel,
    TeamsEntry: TeamsChannel,
    LineEntry: LineChannel,
    AppriseEntry: AppriseChannel,
}


def open_channel(
    receiver: Receiver,
    client: aiohttp.ClientSession,
    clock: Clock,
    templates: Callable[[], Templates] = built_in,
    book: Book | None = None,
) -> Channel:
    """The channel of a receiver of the policy. `book`: what it has been sent before; None: nothing is remembered."""
    if receiver.webhook is not None:
        return WebhookChannel(receiver.webhook, client, clock)
    if receiver.settings is None:
        return ConsoleChannel()
    tools = Tools(client, clock, templates, book or NoBook())
    return _CHANNELS[type(receiver.settings)](receiver.settings, receiver.name, tools)
