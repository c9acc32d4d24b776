"""The receivers of `routes.yaml`: who can be told, by which channel, at what pace, and what is refused."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import Field, StrictInt, StrictStr, field_validator

from config.channels import (
    CHANNEL_MODELS,
    AlertmanagerEntry,
    AppriseEntry,
    ChannelEntry,
    ConsoleEntry,
    DiscordEntry,
    EmailEntry,
    LineEntry,
    PagerDutyEntry,
    SlackEntry,
    TeamsEntry,
    WebhookEntry,
    with_secrets,
)
from config.documents import Document, Place
from config.durations import PositiveDuration
from config.faults import suggestion
from config.refusals import refusal
from config.validation import Strict, validate

_SHORTEST: Final = {
    "console": "console: {}",
    "webhook": "webhook: {url: …}",
    "slack": "slack: {channel: …, token_file: …}",
    "pagerduty": "pagerduty: {routing_key_file: …}",
    "alertmanager": "alertmanager: {url: …}",
    "email": "email: {server: …, from: …, to: […]}",
    "discord": "discord: {url_file: …}",
    "teams": "teams: {url_file: …}",
    "line": "line: {token_file: …, to: …}",
    "apprise": "apprise: {url_file: …}",
}


class ThrottleEntry(Strict):
    """At most so many in so long."""

    count: StrictInt = Field(examples=[30])
    """How many notifications at most; what exceeds it is bundled into the next."""
    per: PositiveDuration = Field(examples=["1m"])
    """In how long."""

    @field_validator("count")
    @classmethod
    def _at_least_one(cls, count: int) -> int:
        if count < 1:
            raise refusal(f"is {count}: nothing would ever be sent", "write at least 1")
        return count


class ReceiverEntry(Strict):
    """Somebody to tell: a name and exactly one channel."""

    name: str = Field(examples=["desk"])
    """What routes call it."""
    console: ConsoleEntry | None = Field(default=None, examples=["{}"])
    """The terminal: `console: {}`."""
    webhook: WebhookEntry | None = Field(default=None, examples=['{url: "https://example.com/hook"}'])
    """An address that gets JSON."""
    slack: SlackEntry | None = Field(default=None, examples=["{channel: C0123456789, token_file: slack.token}"])
    """A channel of Slack."""
    pagerduty: PagerDutyEntry | None = Field(default=None, examples=["{routing_key_file: pagerduty.key}"])
    """A service of PagerDuty."""
    alertmanager: AlertmanagerEntry | None = Field(default=None, examples=['{url: "http://alertmanager:9093"}'])
    """A Prometheus Alertmanager."""
    email: EmailEntry | None = Field(
        default=None, examples=["{server: smtp.example.com, from: hikeshi@example.com, to: [oncall@example.com]}"]
    )
    """Mail."""
    discord: DiscordEntry | None = Field(default=None, examples=["{url_file: discord.url}"])
    """A channel of Discord."""
    teams: TeamsEntry | None = Field(default=None, examples=["{url_file: teams.url}"])
    """A channel or chat of Microsoft Teams."""
    line: LineEntry | None = Field(
        default=None, examples=["{token_file: line.token, to: C0123456789abcdef0123456789abcdef}"]
    )
    """A person or group in LINE."""
    apprise: AppriseEntry | None = Field(default=None, examples=["{url_file: apprise.url}"])
    """Any other service, through apprise."""
    throttle: ThrottleEntry | None = Field(default=None, examples=["{count: 30, per: 1m}"])
    """How much the receiver bears; unset: what its provider allows, where it says."""
    fallback: StrictStr | None = Field(default=None, examples=["duty"])
    """Who is told instead after a final failure, or 60 s undelivered."""

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if not name.strip():
            raise refusal("is empty", "write a name that routes can use")
        return name


class ReadReceiver(NamedTuple):
    """A receiver as read: its entry, which channel it has, and that channel's keys with their secrets."""

    entry: ReceiverEntry
    kind: str
    channel: ChannelEntry


Receivers = list[ReadReceiver]


def checked_receivers(document: Document, entries: Sequence[Any], folder: Path) -> Iterator[ReadReceiver]:
    """The receivers without a fault; the document gets the faults of the others."""
    for index, entry in enumerate(entries):
        place: Place = ("receivers", index)
        receiver = validate(ReceiverEntry, entry, document, place)
        if isinstance(entry, dict):
            _refuse_channels(document, entry, place)
        kind = next((name for name in CHANNEL_MODELS if getattr(receiver, name, None) is not None), None)
        if receiver and kind:
            channel = with_secrets(getattr(receiver, kind), document, (*place, kind), folder)
            yield ReadReceiver(receiver, kind, channel)


def _refuse_channels(document: Document, entry: Mapping[str, Any], place: Place) -> None:
    given = [channel for channel in CHANNEL_MODELS if channel in entry]
    empty = next((channel for channel in given if entry[channel] is None), None)
    if not given:
        document.refuse(place, "has no channel", "add `console: {}` or `webhook: {url: …}`")
    elif len(given) > 1:
        document.refuse(place, f"has {len(given)} channels: {', '.join(given)}", "make a receiver of each")
    elif empty:
        document.refuse((*place, empty), "is empty", f"write `{_SHORTEST[empty]}`")


def receiver_names(document: Document, entries: Sequence[Any]) -> dict[str, int | None]:
    """The line of each name; the document gets those that are taken twice."""
    names: dict[str, int | None] = {}
    for index, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        place: Place = ("receivers", index, "name")
        if name in names:
            document.refuse(place, f"{name!r} is taken by the receiver in line {names[name]}", "give it another name")
        names.setdefault(name, document.line(place))
    return names


def refuse_fallbacks(document: Document, entries: Sequence[Any], names: Mapping[str, Any]) -> None:
    """The document gets fallbacks to nobody, and those that come back to where they began."""
    fallbacks = {}
    places: dict[str, Place] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("fallback"), str):
            name, fallback = entry["name"], entry["fallback"]
            places[name] = ("receivers", index, "fallback")
            fallbacks[name] = fallback
            if fallback not in names:
                document.refuse(places[name], f"there is no receiver {fallback!r}", suggestion(fallback, names))
    told: set[str] = set()
    for start in fallbacks:
        chain = [start]
        while (following := fallbacks.get(chain[-1])) and following not in chain:
            chain.append(following)
        if following == start and start not in told:
            told.update(chain)
            way = " → ".join([*chain, start])
            document.refuse(places[start], f"is a loop: {way}", "let the last one have no fallback")
