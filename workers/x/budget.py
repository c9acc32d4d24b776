"""What reading X may cost by day and by month, and how far that is used up. Pure; days are UTC, as X bills."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from config.x_settings import XSettings

WARN_SHARE: Final = 0.8  # issue 4's: at so much of a limit, a warning

Period = Literal["day", "month"]


class Spent(NamedTuple):
    """What X bills: posts and their authors, each once a UTC day. X says so of posts; of authors nobody knows."""

    posts: int = 0
    authors: int = 0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(self.posts + other.posts, self.authors + other.authors)


class Limit(NamedTuple):
    """One limit: its setting, the period it is for, how much of it is used, in its own unit."""

    name: str
    period: Period
    used: float
    most: float

    @property
    def share(self) -> float:
        """1 when nothing is left."""
        return self.used / self.most

    def __str__(self) -> str:
        if self.name.endswith("_usd"):
            return f"${self.used:,.2f} of the ${self.most:,.2f} a {self.period} (x.{self.name})"
        return f"{self.used:,.0f} of the {self.most:,.0f} posts a {self.period} (x.{self.name})"


@dataclass(frozen=True)
class Budget:
    """Prices, and limits in posts and in dollars; None: no such limit."""

    post_usd: float = 0.005
    author_usd: float = 0.0
    daily_posts: int | None = None
    monthly_posts: int | None = None
    daily_usd: float | None = None
    monthly_usd: float | None = None

    def usd(self, spent: Spent) -> float:
        """What it costs."""
        return spent.posts * self.post_usd + spent.authors * self.author_usd

    def limits(self, day: Spent, month: Spent) -> list[Limit]:
        """Each limit that is set, the one that is used up most first."""
        usages: list[tuple[str, Period, float, float | None]] = [
            ("daily_posts", "day", day.posts, self.daily_posts),
            ("daily_usd", "day", self.usd(day), self.daily_usd),
            ("monthly_posts", "month", month.posts, self.monthly_posts),
            ("monthly_usd", "month", self.usd(month), self.monthly_usd),
        ]
        found = [Limit(name, period, used, most) for name, period, used, most in usages if most is not None]
        return sorted(found, key=lambda limit: -limit.share)

    def left(self, day: Spent, month: Spent) -> int | None:
        """How many posts may still be read, each with an author that is new today; None: no limit."""
        one = self.post_usd + self.author_usd
        lefts = [
            (limit.most - limit.used) / (one if limit.name.endswith("_usd") else 1) for limit in self.limits(day, month)
        ]
        return max(0, int(min(lefts) + 1e-9)) if lefts else None


def budget_of(settings: XSettings) -> Budget:
    """The budget that the settings name. Authors cost where they are asked for."""
    return Budget(
        post_usd=settings.post_usd,
        author_usd=settings.author_usd if settings.authors else 0.0,
        daily_posts=settings.daily_posts,
        monthly_posts=settings.monthly_posts,
        daily_usd=settings.daily_usd,
        monthly_usd=settings.monthly_usd,
    )


def utc_day(now: datetime) -> str:
    """The UTC day as `2026-11-24`."""
    return now.date().isoformat()


def month_of(days: Mapping[str, Spent], day: str) -> Spent:
    """All of the month that a day is in."""
    spent = [some for each, some in days.items() if each[:7] == day[:7]]
    return Spent(sum(some.posts for some in spent), sum(some.authors for some in spent))


def seconds_until_next(period: Period, now: datetime) -> float:
    """Until the next UTC day or month begins, when X counts anew."""
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    later = start + timedelta(days=1) if period == "day" else (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (later - now).total_seconds()
