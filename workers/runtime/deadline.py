"""A deadline: one time budget, handed down, so that nobody below invents a second one."""

import asyncio

from workers.runtime.clock import Clock


class Deadline:
    """So many seconds from now. Whoever gets it may use what is left of it and hands the rest on."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left; never below zero."""
        return max(0.0, self._end - self._clock.monotonic())

    @property
    def expired(self) -> bool:
        """Whether nothing is left."""
        return self.remaining() <= 0.0

    def timeout(self) -> asyncio.Timeout:
        """`async with deadline.timeout():` raises TimeoutError when the budget is used up."""
        return asyncio.timeout(self.remaining())
