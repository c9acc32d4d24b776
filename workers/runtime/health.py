"""A stage's health: whether it moves, what it waits for and why it is not ready."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from workers.runtime.clock import Clock

LagProbe = Callable[[], Awaitable[int]]


class StageHealth:
    """What a stage says of itself; read by readiness, the watchdog and `hikeshi status`.

    Not ready from the start until the stage calls `started()` or moves for the first time.
    """

    def __init__(self, stage: str, clock: Clock) -> None:
        self.stage = stage
        self.probe: LagProbe | None = None
        """Measures the lag anew, from outside the stage's loop: a stage that hangs can't say how far behind it is."""
        self.moved_total = 0
        self.facts: dict[str, Any] = {}
        """What else `hikeshi status` shows of the stage: small JSON values, such as `deaf_seconds`."""
        self._clock = clock
        self._lag = 0
        self._started = False
        self._waits: Counter[str] = Counter()
        self._stopped: str | None = None
        self._calm_since = clock.monotonic()

    def started(self) -> None:
        """The stage has joined its group or opened its source, and there may be nothing to do yet."""
        self._started = True
        self._calm_since = self._clock.monotonic()

    def moved(self, count: int = 1) -> None:
        """So many records were finished."""
        self._started = True
        self.moved_total += count
        self._calm_since = self._clock.monotonic()

    @property
    def lag(self) -> int:
        """Records that wait for this stage."""
        return self._lag

    @lag.setter
    def lag(self, records: int) -> None:
        if records <= 0 or self._lag <= 0:
            self._calm_since = self._clock.monotonic()
        self._lag = max(0, records)

    @contextmanager
    def waiting(self, dependency: str) -> Iterator[None]:
        """A declared wait for a dependency ("kafka", "store", …): not ready, but healthy: the watchdog lets it be."""
        self._waits[dependency] += 1
        try:
            yield
        finally:
            self._waits[dependency] -= 1
            self._calm_since = self._clock.monotonic()

    def stopped(self, reason: str) -> None:
        """The stop rule holds: not ready until `cleared`."""
        self._stopped = reason

    def cleared(self) -> None:
        """The cause of the stop was mended."""
        self._stopped = None
        self._calm_since = self._clock.monotonic()

    @property
    def is_stopped(self) -> bool:
        """Whether the stop rule holds."""
        return self._stopped is not None

    @property
    def reasons(self) -> list[str]:
        """Why the stage is not ready; empty when it is."""
        reasons = [f"waits for {name}" for name, count in sorted(self._waits.items()) if count > 0]
        if self._stopped is not None:
            reasons.append(f"stopped: {self._stopped}")
        if not self._started and not reasons:
            reasons.append("starting")
        return reasons

    @property
    def ready(self) -> bool:
        """Whether the stage does its work."""
        return not self.reasons

    @property
    def stuck_seconds(self) -> float:
        """For how long records have waited while nothing moved, outside declared waits and stops."""
        if self._lag <= 0 or self.is_stopped or any(count > 0 for count in self._waits.values()):
            return 0.0
        return self._clock.monotonic() - self._calm_since
