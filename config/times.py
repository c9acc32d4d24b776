"""Times of the week, days and public holidays: what `during`, quiet hours, digests and rotas are made of."""

from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_A_DAY: Final = 24 * 60


class Dates(msgspec.Struct, frozen=True):
    """From one day to another, both included; a year of 0 stands for every year."""

    first: tuple[int, int, int]
    last: tuple[int, int, int]

    def hold(self, day: date) -> bool:
        """Whether the day is one of them; a span of every year may go over New Year."""
        if self.first[0]:
            return self.first <= (day.year, day.month, day.day) <= self.last
        here, first, last = (day.month, day.day), self.first[1:], self.last[1:]
        return first <= here <= last if first <= last else here >= first or here <= last


class Window(msgspec.Struct, frozen=True):
    """When something holds; whatever is left empty holds always. Hours are minutes of the day, [first, end).

    A span of hours that goes over midnight belongs to the day on which it begins. `holidays`: True asks for a public
    holiday of the calendar, False for a day that is none.
    """

    timezone: str
    hours: tuple[tuple[int, int], ...] = ()
    weekdays: tuple[int, ...] = ()
    dates: tuple[Dates, ...] = ()
    calendar: str | None = None
    holidays: bool = False

    def holds(self, moment: datetime) -> bool:
        """Whether it holds at this moment (aware). Wall time decides, so an hour that comes twice counts twice."""
        local = moment.astimezone(zone(self.timezone))
        minute = local.hour * 60 + local.minute
        today = local.date()
        if not self.hours:
            return self._day_holds(today)
        return any(
            first <= minute < end and self._day_holds(today)
            if first < end
            else (minute >= first and self._day_holds(today))
            or (minute < end and self._day_holds(today - timedelta(days=1)))
            for first, end in self.hours
        )

    def _day_holds(self, day: date) -> bool:
        return (
            (not self.weekdays or day.weekday() in self.weekdays)
            and (not self.dates or any(dates.hold(day) for dates in self.dates))
            and (self.calendar is None or is_holiday(self.calendar, day) is self.holidays)
        )


During = tuple[Window, ...]
"""Holds where any of its windows does."""


class Rota(msgspec.Struct, frozen=True):
    """Receivers who take turns: each has `every` so long, the first from `start` on, by the wall clock of the zone."""

    name: str
    members: tuple[str, ...]
    every: timedelta
    start: datetime
    timezone: str

    def on_duty(self, moment: datetime) -> str:
        """Whose turn it is. Before the start it is the first one's."""
        turn = (moment.astimezone(zone(self.timezone)).replace(tzinfo=None) - self.start) // self.every
        # What the wall clock says is off by an hour where it was put back; what counts is the moment of the handover.
        while self._handover(turn + 1) <= moment:
            turn += 1
        while turn > 0 and self._handover(turn) > moment:
            turn -= 1
        return self.members[max(turn, 0) % len(self.members)]

    def _handover(self, turn: int) -> datetime:
        return resolved(self.start + turn * self.every, self.timezone)


class Daily(msgspec.Struct, frozen=True):
    """A time of day, on these weekdays (none: each day)."""

    minute: int
    timezone: str
    weekdays: tuple[int, ...] = ()

    def next_after(self, moment: datetime) -> datetime:
        """The first such time after the moment: each day once, also where the clock is put forward or back over it."""
        local = moment.astimezone(zone(self.timezone)).date() - timedelta(days=1)
        at = time(self.minute // 60, self.minute % 60)
        while True:
            found = resolved(datetime.combine(local, at), self.timezone)
            if found > moment and (not self.weekdays or local.weekday() in self.weekdays):
                return found
            local += timedelta(days=1)


def resolved(wall: datetime, timezone: str, *, last: bool = False) -> datetime:
    """The moment of a wall time. One that comes twice is the first (`last`: the last); one that the clock leaves out
    is as long after the change as it was meant after it."""
    return wall.replace(tzinfo=zone(timezone), fold=int(last)).astimezone(ZoneInfo("UTC"))


def end_of(during: During, moment: datetime) -> datetime:
    """When the windows stop holding: the first whole minute after the moment in which none does, within eight days."""
    minute = moment.replace(second=0, microsecond=0)
    step = timedelta(minutes=1)
    last = minute + timedelta(days=8)  # ours: a window without hours may hold for ever; it is looked at again then
    while minute < last:
        minute += step
        if not any(window.holds(minute) for window in during):
            return minute
    return last


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of a name that was checked when the file was read."""
    return ZoneInfo(name)


@cache
def _calendar(name: str) -> Any:
    # Imported where a file names a calendar: it takes half a second, which most starts need not wait for.
    import holidays

    country, _, part = name.partition("-")
    return holidays.country_holidays(country, subdiv=part or None)


@cache
def is_holiday(calendar: str, day: date) -> bool:
    """Whether a day is a public holiday of a country (`JP`) or a part of one (`DE-BY`)."""
    return day in _calendar(calendar)


def known_calendars() -> dict[str, list[str]]:
    """Countries by code, each with its parts."""
    import holidays

    found: dict[str, list[str]] = holidays.list_supported_countries(include_aliases=False)
    return found
