"""Whether the stream's silence is peace: heartbeats without posts, or with fewer, where more were common. Pure."""

import math
from typing import Final

_MEMORY_SECONDS: Final = 1800.0  # ours: what the stream usually gives is judged by the last half hour
_LATELY_SECONDS: Final = 120.0  # ours: and what it gives now by the last two minutes
# Ours: by chance alone a Poisson stream gives none of 20 expected posts twice in a thousand million looks.
_EXPECTED: Final = 20.0
_FELL_TO: Final = 0.7  # ours: a fall to so much of the usual is worth a look by search, which costs nothing
_DEVIATIONS: Final = 4.0


class Volume:
    """Remembers the rate of posts, fading, and when the last one came. Times in seconds, monotonic.

    `speed`: how much faster than X's the time runs, in tests.
    """

    def __init__(self, now: float, speed: float = 1.0) -> None:
        self._memory, self._short = _MEMORY_SECONDS / speed, _LATELY_SECONDS / speed
        self._weight, self._lately, self._since, self._at = 0.0, 0.0, now, now
        self._last: float | None = None

    def post(self, now: float) -> None:
        """A post came."""
        self._fade(now)
        self._weight += 1.0
        self._lately += 1.0
        self._last = now

    def connected(self, now: float) -> None:
        """The stream is open anew: what it gives lately is judged from here on."""
        self._fade(now)
        self._lately = self.rate(now) * self._short

    def rate(self, now: float) -> float:
        """Posts a second that the stream usually gives."""
        self._fade(now)
        covered = self._covered(now, self._memory)
        return self._weight / covered if covered > 0 else 0.0

    def fell(self, now: float) -> bool:
        """Whether lately there were so many fewer posts than usual that it is no chance."""
        self._fade(now)
        if now - self._since < 2 * self._short:
            return False
        # What was before: what the stream gives lately must not make itself look usual.
        before = self._covered(now, self._memory) - self._covered(now, self._short)
        expected = max(0.0, self._weight - self._lately) / before * self._short
        if expected < _EXPECTED:
            return False
        # A count that fades exponentially varies by half of what a plain one does.
        return self._lately < min(_FELL_TO * expected, expected - _DEVIATIONS * math.sqrt(expected / 2))

    def suspicious_since(self, now: float, at_least: float) -> float | None:
        """When the last post came, if the silence since then is no chance; asked again, it waits for the next post."""
        if self._last is None or now - self._last < at_least:
            return None
        watched = min(self._memory, max(self._last - self._since, 1.0))
        weight = self._weight * math.exp((self._at - self._last) / self._memory)  # as it stood when the last post came
        if weight / watched * (now - self._last) < _EXPECTED:
            return None
        last, self._last = self._last, None
        return last

    def _covered(self, now: float, memory: float) -> float:
        """How many seconds a count that fades so fast stands for."""
        return memory * (1.0 - math.exp((self._since - now) / memory))

    def _fade(self, now: float) -> None:
        self._weight *= math.exp((self._at - now) / self._memory)
        self._lately *= math.exp((self._at - now) / self._short)
        self._at = now
