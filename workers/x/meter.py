"""The money meter: each post and author once per UTC day, as X bills them, against the budget. No I/O."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from numpy.typing import NDArray

from workers.x.budget import Budget, Limit, Spent, month_of, utc_day
from workers.x.ids import Ids, number_of

DAYS_KEPT: Final = 62  # ours: this month and the last

Billed = Literal["posts", "authors"]
KINDS: Final[tuple[Billed, ...]] = ("posts", "authors")


class Unsaved(NamedTuple):
    """What was counted since it was last kept: ids by day and kind, and the new count of each day touched."""

    ids: dict[tuple[str, Billed], list[int]]
    days: dict[str, Spent]


class Meter:
    """Counts what one reader of a credential reads; `others`: what the credential's other readers did, by day.

    `ids`: of today, each reader's.
    """

    def __init__(
        self,
        budget: Budget,
        today: str,
        days: Mapping[str, Spent] | None = None,
        others: Mapping[str, Spent] | None = None,
        ids: Mapping[Billed, Ids] | None = None,
    ) -> None:
        self.budget = budget
        self._day = today
        self._days = {today: Spent(), **(days or {})}
        self._others = dict(others or {})
        self._ids: dict[Billed, Ids] = {kind: (ids or {}).get(kind) or Ids() for kind in KINDS}
        self._unsaved: dict[tuple[str, Billed], list[int]] = {}
        self._touched: set[str] = set()

    def add(self, posts: Iterable[str], authors: Iterable[str], now: datetime) -> Spent:
        """Count these; returns how many were new today."""
        self._turn(now)
        new = Spent(self._new("posts", posts), self._new("authors", authors))
        if any(new):
            self._days[self._day] = self._days[self._day].plus(new)
            self._touched.add(self._day)
        return new

    def add_requests(self, requests: int, now: datetime) -> None:
        """Count requests that X bills as a post each, every one anew: no id says that two are the same."""
        self._turn(now)
        if requests:
            self._days[self._day] = self._days[self._day].plus(Spent(requests))
            self._touched.add(self._day)

    def elsewhere(self, ids: Mapping[Billed, Iterable[NDArray[Any]]], others: Mapping[str, Spent], day: str) -> None:
        """What the credential's other readers read on that day: we don't pay for it again."""
        self._turn_to(max(day, self._day))
        self._others = dict(others)
        if day == self._day:
            for kind, arrays in ids.items():
                for array in arrays:
                    for number in array.tolist():
                        self._ids[kind].add(number)

    def today(self, now: datetime) -> Spent:
        """Billed on this UTC day, to all readers."""
        self._turn(now)
        return self._days[self._day].plus(self._others.get(self._day, Spent()))

    def own_today(self, now: datetime) -> Spent:
        """Billed on this UTC day to this reader alone."""
        self._turn(now)
        return self._days[self._day]

    def is_billed(self, post_id: str, now: datetime) -> bool:
        """Whether X has billed this post today already: to read it again costs nothing."""
        self._turn(now)
        return number_of(post_id) in self._ids["posts"]

    def month(self, now: datetime) -> Spent:
        """Billed in this calendar month, UTC, to all readers."""
        self._turn(now)
        return month_of(self._days, self._day).plus(month_of(self._others, self._day))

    def left(self, now: datetime) -> int | None:
        """Posts that the budget still allows; None: there is no limit."""
        return self.budget.left(self.today(now), self.month(now))

    def limits(self, now: datetime) -> list[Limit]:
        """How each limit stands, the one that is used up most first."""
        return self.budget.limits(self.today(now), self.month(now))

    @property
    def days(self) -> dict[str, Spent]:
        """By UTC day, this reader alone, the last two months."""
        return dict(self._days)

    @property
    def all_days(self) -> dict[str, Spent]:
        """By UTC day, all readers."""
        days = set(self._days) | set(self._others)
        return {day: self._days.get(day, Spent()).plus(self._others.get(day, Spent())) for day in days}

    def reload(
        self, days: Mapping[str, Spent], others: Mapping[str, Spent], ids: Mapping[Billed, Ids], today: str
    ) -> None:
        """Go on from what another process has kept meanwhile; what we counted and could not keep is added to it."""
        self._turn_to(today)
        unsaved, self._unsaved, self._touched = self._unsaved, {}, set()
        self._days = {self._day: Spent(), **days}
        self._others = dict(others)
        self._ids = {kind: ids.get(kind) or Ids() for kind in KINDS}
        for (day, kind), numbers in unsaved.items():
            known = self._ids[kind] if day == self._day else Ids()
            new = [number for number in numbers if known.add(number)]
            self._unsaved[day, kind] = new
            posts, authors = self._days.get(day, Spent())
            self._days[day] = Spent(posts + len(new), authors) if kind == "posts" else Spent(posts, authors + len(new))
            self._touched.add(day)

    def take_unsaved(self) -> Unsaved:
        """What was counted since it was last asked; hand it back with `not_saved` if it wasn't kept."""
        taken = Unsaved(self._unsaved, {day: self._days[day] for day in self._touched if day in self._days})
        self._unsaved, self._touched = {}, set()
        return taken

    def not_saved(self, taken: Unsaved) -> None:
        """These were not kept after all."""
        self._touched |= set(taken.days)
        for key, ids in taken.ids.items():
            self._unsaved[key] = ids + self._unsaved.get(key, [])

    def _new(self, kind: Billed, ids: Iterable[str]) -> int:
        known = self._ids[kind]
        new = [number for number in map(number_of, ids) if known.add(number)]
        if new:
            self._unsaved.setdefault((self._day, kind), []).extend(new)
        return len(new)

    def _turn(self, now: datetime) -> None:
        self._turn_to(utc_day(now))

    def _turn_to(self, today: str) -> None:
        if today != self._day:
            self._day, self._ids = today, {kind: Ids() for kind in KINDS}
            self._days.setdefault(today, Spent())
            oldest = (date.fromisoformat(today) - timedelta(days=DAYS_KEPT)).isoformat()
            self._days = {day: spent for day, spent in self._days.items() if day >= oldest}
