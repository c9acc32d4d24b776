"""Times as they are written in `routes.yaml`: `during`, quiet hours, digests, and the named ones under `times`."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictStr,
    Tag,
    WithJsonSchema,
    model_validator,
)

from config.documents import Document, Place
from config.faults import suggestion
from config.fields import ONE_OR_MORE, TimeZone
from config.refusals import refusal
from config.times import DAYS, Daily, Dates, During, Window, known_calendars
from config.validation import Strict, validate

# Known without being written down: the working week, in the zone of the route that names it.
BUSINESS_HOURS: Final = "business_hours"
_CLOCK: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = re.compile(_CLOCK)
_HOURS = re.compile(f"({_CLOCK}) ?- ?({_CLOCK}|24:00)")
_DAY_NAMES: Final = f"({'|'.join(DAYS)})"
_WEEKDAYS = re.compile(f"{_DAY_NAMES}( ?- ?{_DAY_NAMES})?")
_ISO_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_YEARLY_DAY: Final = "[0-9]{2}-[0-9]{2}"
_CALENDAR = re.compile("[A-Z]{2}(-[A-Z0-9]{1,6})?")
_LEAP_YEAR: Final = 2000  # a day of every year is checked as a day of it: 02-29 is one


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise refusal(f"{text!r} is not a time of day", "write hours and minutes in quotes, for example `'09:00'`")
    return text


def _hours(text: str) -> str:
    found = _HOURS.fullmatch(text)
    if not found:
        raise refusal(f"{text!r} is not a span of hours", "write for example `09:00-18:00`, or `22:00-07:00` at night")
    first, end = _span(text)
    if first == end:
        raise refusal(f"{text!r} ends when it begins", "leave `hours` out for the whole day")
    return text


def _span(text: str) -> tuple[int, int]:
    first, _, end = text.replace(" ", "").partition("-")
    return minutes(first), minutes(end)


def minutes(clock: str) -> int:
    """The minute of the day of `09:30`."""
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def _weekdays(text: str) -> str:
    if not _WEEKDAYS.fullmatch(text.lower()):
        raise refusal(f"{text!r} is not a weekday", f"write {', '.join(DAYS)}, or a span as `mon-fri`")
    return text.lower()


def days_of(entries: tuple[str, ...]) -> tuple[int, ...]:
    """Weekdays by number, Monday 0; a span may go over Sunday."""
    found: set[int] = set()
    for entry in entries:
        first, _, last = entry.replace(" ", "").partition("-")
        day, end = DAYS.index(first), DAYS.index(last or first)
        found.add(day)
        while day != end:
            day = (day + 1) % 7
            found.add(day)
    return tuple(sorted(found))


def _written(value: Any) -> Any:
    """YAML takes a bare day or moment for one; what counts is how it is written."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else value


def _dates(text: str) -> str:
    remedy = "write `2026-12-29`, `2026-12-29/2027-01-03`, or without the year for every year: `12-29/01-03`"
    first, slash, last = text.replace(" ", "").partition("/")
    parts = [first, last] if slash else [first]
    whole = [re.fullmatch(_ISO_DAY, part) is not None for part in parts]
    yearly = [re.fullmatch(_YEARLY_DAY, part) is not None for part in parts]
    if not (all(whole) or all(yearly)):
        raise refusal(f"{text!r} is not a day nor a span of days", remedy)
    days = []
    for part in parts:
        try:
            days.append(date.fromisoformat(part if whole[0] else f"{_LEAP_YEAR}-{part}"))
        except ValueError:
            raise refusal(f"{part!r} is no day of the calendar", remedy) from None
    if whole[0] and days[-1] < days[0]:
        raise refusal(f"{text!r} ends before it begins", remedy)
    return text


def _dates_of(text: str) -> Dates:
    first, _, last = text.replace(" ", "").partition("/")
    return Dates(_day(first), _day(last or first))


def _day(text: str) -> tuple[int, int, int]:
    pieces = [int(piece) for piece in text.split("-")]
    return (pieces[0], pieces[1], pieces[2]) if len(pieces) == 3 else (0, pieces[0], pieces[1])


def _calendar(name: str) -> str:
    if not _CALENDAR.fullmatch(name):
        raise refusal(f"{name!r} is not a calendar", "write the country's two letters, for example `JP`, or `DE-BY`")
    country, _, part = name.partition("-")
    known = known_calendars()
    if country not in known:
        raise refusal(f"there is no calendar of {country!r}", "write an ISO code of a country, for example `JP`")
    if part and part not in known[country]:
        raise refusal(f"{country} has no part {part!r}", suggestion(part, known[country]))
    return name


def _local(text: str) -> str:
    try:
        local_time(text)
    except ValueError:
        raise refusal(f"{text!r} is not a day nor a time", "write `2026-04-01` or `2026-04-01 09:00`") from None
    return text


def local_time(text: str) -> datetime:
    """The wall time of `2026-04-01 09:00`, or of a day's beginning; ValueError for anything else."""
    if not re.fullmatch(f"{_ISO_DAY}([ T]{_CLOCK})?", text.strip()):
        raise ValueError(text)
    return datetime.fromisoformat(text.strip())


def _text_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


TimeOfDay = Annotated[StrictStr, AfterValidator(_time), _text_schema(_CLOCK)]
Hours = Annotated[StrictStr, AfterValidator(_hours), _text_schema(_HOURS.pattern)]
Weekdays = Annotated[StrictStr, AfterValidator(_weekdays), WithJsonSchema({"type": "string"})]
Days = Annotated[StrictStr, BeforeValidator(_written), AfterValidator(_dates), WithJsonSchema({"type": "string"})]
LocalTime = Annotated[StrictStr, BeforeValidator(_written), AfterValidator(_local), WithJsonSchema({"type": "string"})]
Calendar = Annotated[StrictStr, AfterValidator(_calendar), _text_schema(_CALENDAR.pattern)]


class DuringEntry(Strict):
    """A time: all that is written must hold."""

    hours: Annotated[tuple[Hours, ...], ONE_OR_MORE] = Field(default=(), examples=["09:00-18:00"])
    """Spans of the day; one that goes over midnight belongs to the day on which it begins."""
    weekdays: Annotated[tuple[Weekdays, ...], ONE_OR_MORE] = Field(default=(), examples=["mon-fri"])
    """Days of the week, or spans of them."""
    dates: Annotated[tuple[Days, ...], ONE_OR_MORE] = Field(default=(), examples=["12-29/01-03"])
    """Days or spans of days, of a year or of every year."""
    calendar: Calendar | None = Field(default=None, examples=["JP"])
    """Whose public holidays count. With hours or weekdays they are left out; alone it is the holidays themselves."""
    holidays: StrictBool | None = Field(default=None, examples=["true"])
    """Say it yourself: true: only on a public holiday; false: never on one."""
    timezone: TimeZone | None = Field(default=None, examples=["Asia/Tokyo"])
    """Left out: the route's."""

    @model_validator(mode="after")
    def _says_something(self) -> "DuringEntry":
        if self.holidays is not None and self.calendar is None:
            raise refusal("`holidays` needs a calendar", "add for example `calendar: JP`")
        if not (self.hours or self.weekdays or self.dates or self.calendar):
            raise refusal("says no time", "write `hours`, `weekdays`, `dates` or `calendar`")
        return self

    def window(self, timezone: str) -> Window:
        """The window; `timezone`: of the route that uses it."""
        only_holidays = not (self.hours or self.weekdays) if self.holidays is None else self.holidays
        return Window(
            self.timezone or timezone,
            tuple(_span(span) for span in self.hours),
            days_of(self.weekdays),
            tuple(_dates_of(text) for text in self.dates),
            self.calendar,
            only_holidays,
        )


def _shape(value: Any) -> str:
    if value is False:
        return "<off>"
    return "<rule>" if isinstance(value, dict | Strict) else "<word>"


DuringSetting = Annotated[
    Annotated[StrictStr, Tag("<word>")] | Annotated[DuringEntry, Tag("<rule>")], Discriminator(_shape)
]
"""The name of a time, or one written on the spot."""


class DigestEntry(Strict):
    """When what was gathered goes, as one notification."""

    at: TimeOfDay = Field(examples=["'09:00'"])
    """The time of day."""
    weekdays: Annotated[tuple[Weekdays, ...], ONE_OR_MORE] = Field(default=(), examples=["mon-fri"])
    """On these days; left out: each day."""
    timezone: TimeZone | None = Field(default=None, examples=["Asia/Tokyo"])
    """Left out: the route's."""

    def daily(self, timezone: str) -> Daily:
        """When that is; `timezone`: of the route."""
        return Daily(minutes(self.at), self.timezone or timezone, days_of(self.weekdays))


_OFF = Annotated[Literal[False], Tag("<off>")]
Name = Annotated[_OFF | Annotated[StrictStr, Tag("<word>")], Discriminator(_shape)]
"""A name, or `false` for none where the route above has one."""
QuietHours = Annotated[
    _OFF | Annotated[StrictStr, Tag("<word>")] | Annotated[DuringEntry, Tag("<rule>")], Discriminator(_shape)
]
"""A time, or `false` for none where the route above has one."""
DigestSetting = Annotated[
    _OFF | Annotated[TimeOfDay, Tag("<word>")] | Annotated[DigestEntry, Tag("<rule>")], Discriminator(_shape)
]
"""A time of each day, one with its weekdays, or `false` for none where the route above has one."""

Times = Mapping[str, tuple[DuringEntry, ...]]
_WORKING_WEEK: Final = DuringEntry(hours=("09:00-18:00",), weekdays=("mon-fri",))


def read_times(document: Document) -> Times:
    """The named times, with those known by themselves; the document gets every fault."""
    found: dict[str, tuple[DuringEntry, ...]] = {BUSINESS_HOURS: (_WORKING_WEEK,)}
    root = document.value
    written = root.get("times") if isinstance(root, dict) else None
    if written is None:
        return found
    if not isinstance(written, dict) or not written:
        document.refuse(("times",), "must be a block of names", "write `office: {hours: 09:00-18:00}` under it")
        return found
    for name, value in written.items():
        place: Place = ("times", name)
        entries = value if isinstance(value, list) else [value]
        places = [(*place, index) for index in range(len(entries))] if isinstance(value, list) else [place]
        if not entries:
            document.refuse(place, "is empty", "write `hours`, `weekdays`, `dates` or `calendar`")
        read = [validate(DuringEntry, entry, document, at) for entry, at in zip(entries, places, strict=True)]
        found[name] = tuple(entry for entry in read if entry is not None)
    return found


def during_of(setting: str | DuringEntry | Literal[False] | None, times: Times, timezone: str) -> During:
    """The windows of a setting whose names are known; none for none."""
    if setting is None or setting is False:
        return ()
    entries = times[setting] if isinstance(setting, str) else (setting,)
    return tuple(entry.window(timezone) for entry in entries)


def refuse_unknown_time(document: Document, value: Any, place: Place, times: Times) -> None:
    """A name of a time that there is none of; a block is looked at elsewhere."""
    if isinstance(value, str) and value not in times:
        document.refuse(place, f"there is no time {value!r}", suggestion(value, times))


def daily_of(setting: str | DigestEntry | Literal[False], timezone: str) -> Daily | None:
    """When a digest goes; None for never."""
    if setting is False:
        return None
    return Daily(minutes(setting), timezone) if isinstance(setting, str) else setting.daily(timezone)
