"""`routes.yaml` as it is written: its shape, its names, and what is refused as a loop."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictBool, StrictStr, field_validator

from config.documents import Document, Place
from config.durations import Duration, PositiveDuration
from config.faults import suggestion
from config.fields import ONE_OR_MORE, AuthorName, BrandId, Language, TimeZone
from config.receivers import Receivers, checked_receivers, receiver_names, refuse_fallbacks
from config.refusals import refusal
from config.validation import REFUSED_REMEDY, THIS_RELEASE, Strict, validate
from schemas.mark import Influence, Kind, Severity

EXAMPLE = "config/routes.example.yaml"


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


KEYS = ("receivers", "route", "ops")


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
    receivers = list(checked_receivers(document, entries, folder))
    names = receiver_names(document, entries)
    refuse_fallbacks(document, entries, names)
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
