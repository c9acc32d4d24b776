"""`routes.yaml` as it is written: its shape, its names, and what is refused as a loop."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, StrictBool, StrictInt, StrictStr, field_validator
from pydantic_core import PydanticCustomError

from config.documents import Document, Place
from config.durations import Duration, PositiveDuration
from config.faults import suggestion
from config.fields import ONE_OR_MORE, AuthorName, BrandId, Language, TimeZone, WebAddress
from config.refusals import refusal
from config.secrets import read_secret
from config.validation import REFUSED_REMEDY, THIS_RELEASE, Strict, validate
from schemas.mark import Influence, Kind, Severity

EXAMPLE = "config/routes.example.yaml"
CHANNELS = ("console", "webhook")
LATER_CHANNELS = ("slack", "pagerduty", "mail", "email", "teams", "line", "discord", "telegram", "apprise", "sms")


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


class MatchEntry(Strict):
    """What an incident must be; one value or a list of them for each key."""

    not_yet: ClassVar[Mapping[str, str]] = {"during": "business hours, dates and holidays"}

    brand: Annotated[frozenset[BrandId], ONE_OR_MORE] = Field(default=frozenset(), examples=["acme"])
    """Ids of brands."""
    kind: Annotated[frozenset[Kind], ONE_OR_MORE] = Field(default=frozenset(), examples=["complaint"])
    """What the posts are."""
    severity: Annotated[frozenset[Severity], ONE_OR_MORE] = Field(default=frozenset(), examples=["[high, critical]"])
    """How bad."""
    influence: Annotated[frozenset[Influence], ONE_OR_MORE] = Field(default=frozenset(), examples=["influencer"])
    """How far the author is heard."""
    lang: Annotated[frozenset[Language], ONE_OR_MORE] = Field(default=frozenset(), examples=["ja"])
    """Holds if any post of the incident is in it."""
    author: Annotated[frozenset[AuthorName], ONE_OR_MORE] = Field(default=frozenset(), examples=["acme_jp"])
    """User names or ids; holds if any post of the incident is by one."""


class RouteEntry(Strict):
    """A node of the routing tree; what is left out comes from the parent."""

    not_yet: ClassVar[Mapping[str, str]] = {
        "escalation": "escalations",
        "acknowledge_for": "the lease of an acknowledgement",
    }

    receivers: tuple[StrictStr, ...] | None = Field(default=None, examples=["[desk]"])
    """Who is told."""
    group_wait: Duration | None = Field(default=None, examples=["30s"])
    """How long the first posts of an incident are gathered before the first notification."""
    group_interval: Duration | None = Field(default=None, examples=["5m"])
    """How long new posts of a known incident are gathered."""
    repeat_interval: PositiveDuration | None = Field(default=None, examples=["4h"])
    """After how long an unacknowledged incident is told again."""
    resolve_after: PositiveDuration | None = Field(default=None, examples=["24h"])
    """Quiet for so long: resolved."""
    reopen_within: Duration | None = Field(default=None, examples=["24h"])
    """A post within so long after that opens the incident again."""
    language: Literal["en", "ja"] | None = Field(default=None, examples=["ja"])
    """The language of the messages."""
    timezone: TimeZone | None = Field(default=None, examples=["Asia/Tokyo"])
    """The time zone of the messages."""
    match: MatchEntry | None = Field(default=None, examples=["{kind: complaint}"])
    """What an incident must be; left out: anything."""
    continue_: StrictBool = Field(default=False, alias="continue")
    """Whether the routes after this one are looked at too."""
    routes: tuple["RouteEntry", ...] = ()
    """Routes below this one: the first that matches wins, and inherits what it leaves out."""

    @field_validator("receivers")
    @classmethod
    def _somebody(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names == ():
            raise refusal("is empty: nobody would be told", "name a receiver, or leave the key out to inherit")
        return names


Receivers = list[tuple[ReceiverEntry, SecretStr | None]]
KEYS = ("receivers", "route")


def read_routes(document: Document, folder: Path) -> tuple[Receivers, RouteEntry] | None:
    """Receivers with their secrets, and the root route; the document gets every fault."""
    root = document.value
    if root is None:
        return None
    if not isinstance(root, dict):
        document.refuse((), "must be a block with the keys `receivers` and `route`", f"start from {EXAMPLE}")
        return None
    _refuse_keys(document, root)
    entries = root.get("receivers")
    if not isinstance(entries, list) or not entries:
        fault = "is missing" if entries is None else "is not a list of receivers"
        document.refuse(("receivers",), fault, "write `receivers:` and under it `- {name: desk, console: {}}`")
        entries = []
    receivers = list(_checked_receivers(document, entries, folder))
    names = _names(document, entries)
    _refuse_fallbacks(document, entries, names)
    route = _checked_root(document, root.get("route"))
    _refuse_unknown_receivers(document, root.get("route"), ("route",), names)
    return (receivers, route) if route else None


def _refuse_keys(document: Document, root: Mapping[str, Any]) -> None:
    for key in root:
        if key == "escalations":
            loops = [name for name, steps in _blocks(root[key]) if _repeats_without_wait(steps)]
            loop = f", and {', '.join(map(repr, loops))} is a loop: a `repeat` with no `wait`" if loops else ""
            document.refuse((key,), f"{THIS_RELEASE}{loop}", REFUSED_REMEDY)
        elif key not in KEYS:
            document.refuse((key,), "unknown key", suggestion(key, KEYS))


def _blocks(value: Any) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(value, dict):
        yield from ((name, steps) for name, steps in value.items() if isinstance(steps, list))


def _repeats_without_wait(steps: list[Any]) -> bool:
    keys = {key for step in steps if isinstance(step, dict) for key in step}
    return "repeat" in keys and "wait" not in keys


def _checked_receivers(
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


def _names(document: Document, entries: Sequence[Any]) -> dict[str, int | None]:
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


def _refuse_fallbacks(document: Document, entries: Sequence[Any], names: Mapping[str, Any]) -> None:
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


def _checked_root(document: Document, value: Any) -> RouteEntry | None:
    place: Place = ("route",)
    if value is None:
        document.refuse(place, "is missing", "write `route:` and under it `receivers: [desk]`")
        return None
    route = validate(RouteEntry, value, document, place)
    if not isinstance(value, dict):
        return None
    if "receivers" not in value:
        document.refuse((*place, "receivers"), "is missing: the root tells somebody", "add it, for example `[desk]`")
    for key, why in (("match", "the root matches all"), ("continue", "nothing comes after the root")):
        if key in value:
            document.refuse((*place, key), f"stands at the root: {why}", "move it into an entry of `routes`")
    return route


def _refuse_unknown_receivers(document: Document, value: Any, place: Place, names: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        return
    receivers = value.get("receivers")
    for index, name in enumerate(receivers if isinstance(receivers, list) else ()):
        if isinstance(name, str) and name not in names:
            document.refuse((*place, "receivers", index), f"there is no receiver {name!r}", suggestion(name, names))
    children = value.get("routes")
    for index, child in enumerate(children if isinstance(children, list) else ()):
        _refuse_unknown_receivers(document, child, (*place, "routes", index), names)
