"""X's own count of what was read, and where it differs from ours. Pure."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from workers.x import fields
from workers.x.budget import Spent

# Ours: X's count comes late and ours counts at once; beyond this it is no delay.
_TOLERATED_SHARE: Final = 0.05
_TOLERATED_POSTS: Final = 100


class XUsage(NamedTuple):
    """What X says of the project, numbers or strings read alike; None where it says nothing of it."""

    cap: int | None
    used: int | None
    reset_day: int | None
    days: dict[str, int]
    """Posts by UTC day."""


class Comparison(NamedTuple):
    """Both counts of the same time."""

    since: str
    ours: int
    by_x: int

    @property
    def difference(self) -> int:
        """What X counts more."""
        return self.by_x - self.ours

    @property
    def matters(self) -> bool:
        """Whether it is more than a delay."""
        return abs(self.difference) > max(_TOLERATED_POSTS, _TOLERATED_SHARE * max(self.ours, self.by_x))

    def __str__(self) -> str:
        if not self.difference:
            return f"X counts {self.by_x} posts since {self.since}, as we do"
        more = "more" if self.difference > 0 else "fewer"
        return f"X counts {self.by_x} posts since {self.since}, {abs(self.difference)} {more} than our {self.ours}"


def read_usage(data: Mapping[str, Any]) -> XUsage:
    """What `/2/usage/tweets` answers, in its `data`."""
    daily = fields.mapping(data.get("daily_project_usage"))
    days: dict[str, int] = {}
    for entry in fields.mappings(daily.get("usage")):
        day, posts = fields.text(entry.get("date")), fields.count(entry.get("usage"))
        if day is not None and posts is not None:
            days[day[:10]] = days.get(day[:10], 0) + posts
    cap, used, reset = (fields.count(data.get(name)) for name in ("project_cap", "project_usage", "cap_reset_day"))
    return XUsage(cap, used, reset, days)


def period_start(reset_day: int | None, today: str) -> str:
    """The UTC day on which X's running month began."""
    now = date.fromisoformat(today)
    wanted = min(max(reset_day or 1, 1), 28)
    month = now if now.day >= wanted else now.replace(day=1) - timedelta(days=1)
    return month.replace(day=wanted).isoformat()


def compare(ours: Mapping[str, Spent], x: XUsage, today: str) -> Comparison | None:
    """Both counts of X's running month, as far as both have it; None where there is nothing to compare.

    The day on which our count began is left out: others may have read before us.
    """
    start = period_start(x.reset_day, today)
    first = min(ours, default=None)
    if first is None:
        return None
    if first < start and not x.days and x.used is not None:
        return Comparison(start, _posts(ours, start), x.used)
    since = start if first < start else _next(first)
    if not x.days or since > today:
        return None
    return Comparison(since, _posts(ours, since), sum(posts for day, posts in x.days.items() if since <= day <= today))


def _posts(days: Mapping[str, Spent], since: str) -> int:
    return sum(spent.posts for day, spent in days.items() if day >= since)


def _next(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
