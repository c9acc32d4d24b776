"""The money meter: each post once per UTC day, as X bills it, against the day's cap. No I/O."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

WARN_SHARE: Final = 0.8  # issue 4's: at so much of the cap, a warning
_DAYS_KEPT: Final = 62  # ours: this month and the last


class Meter:
    """Counts unique posts. `cap`: posts a day, None for none."""

    def __init__(self, cap: int | None, days: Mapping[str, int], today: str, ids: Iterable[str]) -> None:
        self.cap = cap
        self._days = dict(days)
        self._day = today
        self._ids = set(ids)
        self._days[today] = max(len(self._ids), self._days.get(today, 0))
        self._unsaved: list[tuple[str, str]] = []

    def add(self, ids: Iterable[str], now: datetime) -> int:
        """Count these; returns how many were new today."""
        self._turn(now)
        new = [post_id for post_id in dict.fromkeys(ids) if post_id not in self._ids]
        self._ids.update(new)
        self._days[self._day] += len(new)
        self._unsaved += [(self._day, post_id) for post_id in new]
        return len(new)

    def today(self, now: datetime) -> int:
        """Posts billed on this UTC day."""
        self._turn(now)
        return self._days[self._day]

    def month(self, now: datetime) -> int:
        """Posts billed in this calendar month, UTC."""
        self._turn(now)
        return sum(count for day, count in self._days.items() if day[:7] == self._day[:7])

    def left(self, now: datetime) -> int | None:
        """Posts that the day's cap still allows; None: there is no cap."""
        return None if self.cap is None else max(0, self.cap - self.today(now))

    @property
    def days(self) -> dict[str, int]:
        """Posts by UTC day, the last two months."""
        return dict(self._days)

    def take_unsaved(self) -> list[tuple[str, str]]:
        """Day and id of what was counted since it was last asked; hand it back with `not_saved` if it wasn't kept."""
        taken, self._unsaved = self._unsaved, []
        return taken

    def not_saved(self, rows: list[tuple[str, str]]) -> None:
        """These were not kept after all."""
        self._unsaved = rows + self._unsaved

    def _turn(self, now: datetime) -> None:
        day = utc_day(now)
        if day != self._day:
            self._day, self._ids = day, set()
            self._days.setdefault(day, 0)
            oldest = utc_day(now - timedelta(days=_DAYS_KEPT))
            self._days = {day: count for day, count in self._days.items() if day >= oldest}


def utc_day(now: datetime) -> str:
    """The UTC day as `2026-11-24`."""
    return now.date().isoformat()


def seconds_until_tomorrow(now: datetime) -> float:
    """Until the next UTC day begins, when X counts anew."""
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (tomorrow - now).total_seconds()
