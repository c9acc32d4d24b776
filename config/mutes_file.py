"""Campaigns, inhibition and drills of `routes.yaml`: what keeps notifications back by the file, what tries the way."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, StrictStr, model_validator

from config.documents import Document, Place
from config.durations import PositiveDuration
from config.faults import suggestion
from config.fields import ONE_OR_MORE, AuthorName, BrandId, Language, Text, TimeZone
from config.refusals import refusal
from config.times import resolved
from config.times_file import LocalTime, TimeOfDay, Weekdays, local_time
from config.validation import Strict, validate
from schemas.mark import Influence, Kind, Severity

# What a campaign or an inhibition keeps back where the file names no severity: never what is high or critical.
MILD: Final[frozenset[Severity]] = frozenset({"none", "low", "medium"})
DRILL_WITHIN: Final = timedelta(minutes=15)  # ours: how soon a test page is to be acknowledged where nothing is said


class LikeEntry(Strict):
    """What an incident is like; one value or a list of them for each key."""

    scope: Annotated[frozenset[Literal["root", "burst"]], ONE_OR_MORE] = Field(default=frozenset(), examples=["burst"])
    """One conversation, or a burst over the brand."""
    kind: Annotated[frozenset[Kind], ONE_OR_MORE] = Field(default=frozenset(), examples=["complaint"])
    """What its posts are."""
    severity: Annotated[frozenset[Severity], ONE_OR_MORE] = Field(default=frozenset(), examples=["[none, low]"])
    """How bad. What is kept back: none, low and medium, where nothing is said."""
    influence: Annotated[frozenset[Influence], ONE_OR_MORE] = Field(default=frozenset(), examples=["none"])
    """How far its authors are heard."""


class KeptBackEntry(LikeEntry):
    """Which incidents are kept back."""

    brand: Annotated[frozenset[BrandId], ONE_OR_MORE] = Field(default=frozenset(), examples=["acme"])
    """Ids of brands."""
    lang: Annotated[frozenset[Language], ONE_OR_MORE] = Field(default=frozenset(), examples=["ja"])
    """Holds if any post of the incident is in it."""
    author: Annotated[frozenset[AuthorName], ONE_OR_MORE] = Field(default=frozenset(), examples=["acme_jp"])
    """User names or ids; holds if any post of the incident is by one."""


class InhibitEntry(Strict):
    """While one incident is open, others of its brand are kept back."""

    while_: LikeEntry = Field(alias="while", examples=["{scope: burst}"])
    """While an incident like this is open …"""
    mute: KeptBackEntry = Field(examples=["{scope: root, severity: [none, low]}"])
    """… those like this of the same brand are kept back."""

    @model_validator(mode="after")
    def _says_which(self) -> "InhibitEntry":
        if self.while_ == LikeEntry():
            raise refusal("`while` names nothing: any open incident would do", "write for example `{scope: burst}`")
        return self


class CampaignEntry(Strict):
    """A time in which so much is expected that nobody needs to be told of it."""

    name: Text = Field(examples=["spring sale"])
    """What people call it."""
    from_: LocalTime = Field(alias="from", examples=["2026-04-01 09:00"])
    """When it begins."""
    to: LocalTime = Field(examples=["2026-04-03 18:00"])
    """When it ends."""
    timezone: TimeZone | None = Field(default=None, examples=["Asia/Tokyo"])
    """Left out: the root route's."""
    match: KeptBackEntry = Field(default=KeptBackEntry(), examples=["{brand: acme, severity: [none, low]}"])
    """What is expected; left out: everything up to medium."""

    @model_validator(mode="after")
    def _in_order(self) -> "CampaignEntry":
        if local_time(self.to) <= local_time(self.from_):
            raise refusal(f"ends at {self.to}, before it begins", "write `to` after `from`")
        return self


class DrillEntry(Strict):
    """A test page, sent at a set time, which somebody is to acknowledge."""

    name: Text = Field(examples=["weekly"])
    """What people call it."""
    at: TimeOfDay = Field(examples=["'10:00'"])
    """The time of day."""
    weekdays: Annotated[tuple[Weekdays, ...], ONE_OR_MORE] = Field(default=(), examples=["mon"])
    """On these days; left out: each day."""
    timezone: TimeZone | None = Field(default=None, examples=["Asia/Tokyo"])
    """Left out: the root route's."""
    escalation: StrictStr = Field(examples=["night"])
    """By which escalation."""
    within: PositiveDuration = Field(default=DRILL_WITHIN, examples=["15m"])
    """How soon it is to be acknowledged; else ops is told."""


Entry = TypeVar("Entry", bound=Strict)
CAMPAIGN_EXAMPLE: Final = "{name: spring sale, from: 2026-04-01 09:00, to: 2026-04-03 18:00}"
INHIBIT_EXAMPLE: Final = "{while: {scope: burst}, mute: {scope: root, severity: [none, low]}}"
DRILL_EXAMPLE: Final = "{name: weekly, at: '10:00', weekdays: mon, escalation: night}"


def read_list(document: Document, key: str, model: type[Entry], example: str) -> Iterator[tuple[Entry, Place]]:
    """The entries of a list at the top of the file, each with its place; the document gets every fault."""
    root = document.value
    written = root.get(key) if isinstance(root, dict) else None
    if written is None:
        return
    if not isinstance(written, list) or not written:
        document.refuse((key,), "is not a list", f"write under it `- {example}`")
        return
    names: dict[str, int | None] = {}
    for index, value in enumerate(written):
        place: Place = (key, index)
        entry = validate(model, value, document, place)
        name = value.get("name") if isinstance(value, dict) else None
        if isinstance(name, str):
            if name in names:
                document.refuse((*place, "name"), f"{name!r} is taken in line {names[name]}", "give it another name")
            names.setdefault(name, document.line((*place, "name")))
        if entry is not None:
            yield entry, place


def refuse_unknown_escalation(document: Document, name: Any, place: Place, known: Mapping[str, Any]) -> None:
    """A name of an escalation that there is none of."""
    if isinstance(name, str) and name not in known:
        remedy = suggestion(name, known) if known else "write it under `escalations`"
        document.refuse(place, f"there is no escalation {name!r}", remedy)


def moments(entry: CampaignEntry, timezone: str) -> tuple[datetime, datetime]:
    """When a campaign begins and ends: of a time that comes twice in a night, the first and the last."""
    zone = entry.timezone or timezone
    return resolved(local_time(entry.from_), zone), resolved(local_time(entry.to), zone, last=True)
