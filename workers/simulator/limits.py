"""X's rate limits: so many requests in a window of 15 minutes, each endpoint for itself; and the meter of posts."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

WINDOW_SECONDS: Final = 900.0
# Requests a window that X allows, by endpoint; the names are those that faults and `/_control` use.
REQUESTS: Final = {
    "stream": 50,
    "rules": 450,
    "rules-write": 100,
    "search": 450,
    "lookup": 3500,
    "counts": 300,
    "usage": 50,
    "compliance": 150,
    "connections": 25,
}
ENDPOINTS: Final = tuple(REQUESTS)


@dataclass
class _Window:
    ends: float
    used: int = 0


class Limits:
    """Counts requests. `window_seconds` is scaled; the reset is told in whole seconds, as X does."""

    def __init__(
        self,
        allowed: dict[str, int],
        window_seconds: float,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self.allowed = dict(allowed)
        self._window_seconds = window_seconds
        self._monotonic, self._now = monotonic, now
        self._windows: dict[str, _Window] = {}

    def take(self, endpoint: str) -> bool:
        """Count a request; False when the window has none left."""
        window = self._window(endpoint)
        if window.used >= self.allowed[endpoint]:
            return False
        window.used += 1
        return True

    def headers(self, endpoint: str) -> dict[str, str]:
        """What X tells in every answer."""
        window = self._window(endpoint)
        left = max(self.allowed[endpoint] - window.used, 0)
        reset = self._now().timestamp() + window.ends - self._monotonic()
        return {
            "x-rate-limit-limit": str(self.allowed[endpoint]),
            "x-rate-limit-remaining": str(left),
            "x-rate-limit-reset": str(math.ceil(reset)),
        }

    def _window(self, endpoint: str) -> _Window:
        now = self._monotonic()
        window = self._windows.get(endpoint)
        if window is None or window.ends <= now:
            window = self._windows[endpoint] = _Window(now + self._window_seconds)
        return window


class Meter:
    """What X bills: each post once a UTC day, however often and over whatever endpoint it is read."""

    def __init__(self, now: Callable[[], datetime], cap: int) -> None:
        self._now, self.cap = now, cap
        self._today: tuple[date, set[int]] | None = None
        self.days: dict[date, int] = {}
        self.extra = 0
        """Posts that count as read this month without having been: to begin near the cap."""

    def read(self, post_id: int) -> None:
        """Count a post that was handed out."""
        today = self._now().date()
        if self._today is None or self._today[0] != today:
            self._today = (today, set())
        seen = self._today[1]
        if post_id not in seen:
            seen.add(post_id)
            self.days[today] = self.days.get(today, 0) + 1

    @property
    def used(self) -> int:
        """Posts of this month."""
        today = self._now().date()
        month = sum(count for day, count in self.days.items() if (day.year, day.month) == (today.year, today.month))
        return month + self.extra

    @property
    def exhausted(self) -> bool:
        """Whether the month's posts are used up."""
        return self.used >= self.cap
