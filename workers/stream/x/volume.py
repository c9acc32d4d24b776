"""Whether the stream's silence is peace: heartbeats without posts where posts were common. Pure."""

import math
from typing import Final

_MEMORY_SECONDS: Final = 1800.0  # ours: what the stream usually gives is judged by the last half hour
# Ours: by chance alone a Poisson stream gives none of 20 expected posts twice in a thousand million looks.
_EXPECTED: Final = 20.0


class Volume:
    """Remembers the rate of posts, fading, and when the last one came. Times in seconds, monotonic."""

    def __init__(self, now: float) -> None:
        self._weight, self._since, self._at = 0.0, now, now
        self._last: float | None = None

    def post(self, now: float) -> None:
        """A post came."""
        self._weight = self._weight * math.exp((self._at - now) / _MEMORY_SECONDS) + 1.0
        self._at, self._last = now, now

    def suspicious_since(self, now: float, at_least: float) -> float | None:
        """When the last post came, if the silence since then is no chance; asked again, it waits for the next post."""
        if self._last is None or now - self._last < at_least:
            return None
        watched = min(_MEMORY_SECONDS, max(self._last - self._since, 1.0))
        if self._weight / watched * (now - self._last) < _EXPECTED:
            return None
        last, self._last = self._last, None
        return last
