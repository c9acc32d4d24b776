"""The receivers of `routes.yaml`: who can be told, by which channel, and what is refused."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, SecretStr, StrictInt, StrictStr, field_validator
from pydantic_core import PydanticCustomError

from config.documents import Document, Place
from config.durations import PositiveDuration
from config.faults import suggestion
from config.fields import WebAddress
from config.refusals import refusal
from config.secrets import read_secret
from config.validation import Strict, validate

CHANNELS = ("console", "webhook")
LATER_CHANNELS = ("slack", "pagerduty", "mail", "email", "teams", "line", "discord", "telegram", "apprise", "sms")

Receivers = list[tuple["ReceiverEntry", SecretStr | None]]


class ConsoleEntry(Strict):
    """The terminal: nothing to set."""


class WebhookEntry(Strict):
    """An address that gets JSON, and the secret that signs it."""

    url: WebAddress = Field(examples=["https://example.com/hook"])
    """Where to post."""
    secret: SecretStr | None = None
    """Signs each request, so that the receiver knows it is ours."""
    secret_file: StrictStr | None = None
    """A file that holds the secret alone; a relative name is from the folder of this file on."""

    @field_validator("secret")
    @classmethod
    def _not_empty(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not secret.get_secret_value().strip():
            raise refusal("is empty", "write the secret, or leave the key out to send unsigned")
        return secret


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

    not_yet: ClassVar[Mapping[str, str]] = dict.fromkeys(LATER_CHANNELS, "this channel")

    name: str = Field(examples=["desk"])
    """What routes call it."""
    console: ConsoleEntry | None = Field(default=None, examples=["{}"])
    """The terminal: `console: {}`."""
    webhook: WebhookEntry | None = Field(default=None, examples=['{url: "https://example.com/hook"}'])
    """An address that gets JSON."""
    throttle: ThrottleEntry | None = Field(default=None, examples=["{count: 30, per: 1m}"])
    """How much the receiver bears."""
    fallback: StrictStr | None = Field(default=None, examples=["duty"])
    """Who is told instead after a final failure, or 60 s undelivered."""

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if not name.strip():
            raise refusal("is empty", "write a name that routes can use")
        return name


def checked_receivers(
    document: Document, entries: Sequence[Any], folder: Path
) -> Iterator[tuple[ReceiverEntry, SecretStr | None]]:
    for index, entry in enumerate(entries):
        place: Place = ("receivers", index)
        receiver = validate(ReceiverEntry, entry, document, place)
        if isinstance(entry, dict):
            _refuse_channels(document, entry, place)
        if receiver:
            yield receiver, _secret(document, receiver.webhook, (*place, "webhook"), folder)


def _refuse_channels(document: Document, entry: Mapping[str, Any], place: Place) -> None:
    given = [channel for channel in (*CHANNELS, *LATER_CHANNELS) if channel in entry]
    empty = next((channel for channel in CHANNELS if channel in entry and entry[channel] is None), None)
    if not given:
        document.refuse(place, "has no channel", "add `console: {}` or `webhook: {url: …}`")
    elif len(given) > 1:
        document.refuse(place, f"has {len(given)} channels: {', '.join(given)}", "make a receiver of each")
    elif empty:
        remedy = "write `console: {}`" if empty == "console" else "write `webhook: {url: …}`"
        document.refuse((*place, empty), "is empty", remedy)


def _secret(document: Document, webhook: WebhookEntry | None, place: Place, folder: Path) -> SecretStr | None:
    if webhook is None or webhook.secret_file is None:
        return webhook.secret if webhook else None
    if webhook.secret is not None:
        document.refuse((*place, "secret_file"), "stands beside `secret`", "keep one of the two")
        return None
    try:
        path = folder / webhook.secret_file
        document.beside.add(path)
        return SecretStr(read_secret(path))
    except PydanticCustomError as error:
        context = error.context or {}
        document.refuse((*place, "secret_file"), context["fault"], context["remedy"])
        return None


def receiver_names(document: Document, entries: Sequence[Any]) -> dict[str, int | None]:
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
