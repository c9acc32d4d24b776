"""A clock that stands still until a test moves it; sleepers wake in the order of their time."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

# How often other tasks get their turn after each wake-up: enough for a chain of a few dozen awaits to settle.
_TURNS = 50


class FakeClock:
    """`await clock.advance(30)` moves time on; every sleeper due by then wakes, one after the other."""

    def __init__(self, start: datetime = datetime(2026, 4, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._monotonic = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        return self._start + timedelta(seconds=self._monotonic)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Wait until a test has moved the clock so far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move on, waking sleepers in order; those who sleep again before the end wake again."""
        end = self._monotonic + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            self._monotonic = due
            if not future.done():
                future.set_result(None)
                await self.settle()
        self._monotonic = end
        await self.settle()

    async def settle(self) -> None:
        """Let the other tasks run until they wait for something (as far as a few dozen turns go)."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    @property
    def sleepers(self) -> int:
        """How many tasks sleep now."""
        return sum(not future.done() for _, _, future in self._sleepers)
