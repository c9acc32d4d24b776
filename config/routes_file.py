"""`routes.yaml` as it is written: its shape, its names, and what is refused as a loop."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, StrictBool, StrictStr, field_validator

from config.documents import Document, Place
from config.durations import Duration, PositiveDuration
from config.escalations_file import Written, read_escalations
from config.faults import suggestion
from config.fields import ONE_OR_MORE, AuthorName, BrandId, Language, TimeZone
from config.mutes_file import refuse_unknown_escalation
from config.receivers import Receivers, checked_receivers, receiver_names, refuse_fallbacks
from config.refusals import refusal
from config.times_file import DigestSetting, DuringSetting, Name, QuietHours, read_times, refuse_unknown_time
from config.validation import Strict, validate
from schemas.mark import Influence, Kind, Severity

EXAMPLE = "config/routes.example.yaml"


class MatchEntry(Strict):
    """What an incident must be; one value or a list of them for each key."""

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
    scope: Annotated[frozenset[Literal["root", "burst"]], ONE_OR_MORE] = Field(default=frozenset(), examples=["burst"])
    """One conversation, or a burst over the brand."""
    during: DuringSetting | None = Field(default=None, examples=["business_hours"])
    """When the incident comes or changes: the name of a time, or `{hours: 09:00-18:00, weekdays: mon-fri}`."""


class RouteEntry(Strict):
    """A node of the routing tree; what is left out comes from the parent."""

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
    acknowledge_for: PositiveDuration | None = Field(default=None, examples=["30m"])
    """How long an acknowledgement holds, where who gives it says nothing else."""
    escalation: Name | None = Field(default=None, examples=["night"])
    """Who is told until somebody has taken it: a name under `escalations`; false: nobody."""
    quiet_hours: QuietHours | None = Field(default=None, examples=["{hours: '22:00-08:00'}"])
    """What is not critical waits until they are over."""
    digest: DigestSetting | None = Field(default=None, examples=["'09:00'"])
    """What is not critical is gathered, and goes then as one notification."""
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


KEYS = ("receivers", "route", "ops", "times", "rotas", "escalations", "campaigns", "inhibit", "drills")


class Routes(NamedTuple):
    """What the file says, as it is written: receivers with their secrets, the root route, and what routes name."""

    receivers: Receivers
    route: RouteEntry
    escalations: Written


def read_routes(document: Document, folder: Path) -> Routes | None:
    """The file's receivers, root route and escalations; the document gets every fault."""
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
    zone = (route.timezone if route else None) or "UTC"
    written = read_escalations(document, read_times(document), names, zone)
    _refuse_unknown_names(document, root.get("route"), ("route",), names, written)
    return Routes(receivers, route, written) if route else None


def _refuse_keys(document: Document, root: Mapping[str, Any]) -> None:
    for key in root:
        if key not in KEYS:
            document.refuse((key,), "unknown key", suggestion(key, KEYS))


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


def _refuse_unknown_names(
    document: Document, value: Any, place: Place, names: Mapping[str, Any], written: Written
) -> None:
    if not isinstance(value, dict):
        return
    receivers = value.get("receivers")
    for index, name in enumerate(receivers if isinstance(receivers, list) else ()):
        if isinstance(name, str) and name not in names:
            document.refuse((*place, "receivers", index), f"there is no receiver {name!r}", suggestion(name, names))
    refuse_unknown_escalation(document, value.get("escalation"), (*place, "escalation"), written.escalations)
    refuse_unknown_time(document, value.get("quiet_hours"), (*place, "quiet_hours"), written.times)
    if isinstance(match := value.get("match"), dict):
        refuse_unknown_time(document, match.get("during"), (*place, "match", "during"), written.times)
    children = value.get("routes")
    for index, child in enumerate(children if isinstance(children, list) else ()):
        _refuse_unknown_names(document, child, (*place, "routes", index), names, written)
