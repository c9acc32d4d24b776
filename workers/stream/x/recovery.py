"""Fills a gap of the stream by recent search: newest first, within a budget of dollars and time, and says the rest."""

import asyncio

from workers.runtime.clock import Clock
from workers.stream.x.concerns import Concerns
from workers.stream.x.pace import Pace
from workers.stream.x.reception import Reception
from workers.stream.x.search import Allowance, Gap, Searcher


class Recovery:
    """Gaps that come while one is searched become one."""

    def __init__(
        self,
        searcher: Searcher,
        reception: Reception,
        clock: Clock,
        pace: Pace,
        allowance: Allowance,
        concerns: Concerns,
    ) -> None:
        self._searcher, self._reception, self._clock, self._pace = searcher, reception, clock, pace
        self._allowance, self._concerns = allowance, concerns
        self._pending: Gap | None = None
        self._wanted = asyncio.Event()

    def add(self, gap: Gap) -> None:
        """Search this gap; the watermark waits for it."""
        self._reception.watermark.gap_opened(gap.start)
        before = self._pending
        self._pending = gap if before is None else Gap(min(before.start, gap.start), max(before.end, gap.end))
        self._wanted.set()

    @property
    def busy(self) -> bool:
        """Whether a gap waits to be searched."""
        return self._pending is not None

    async def run(self) -> None:
        """Recover gap after gap, for ever."""
        while True:
            await self._wanted.wait()
            await self._clock.sleep(self._pace.steady)
            await self._recover(self._take())

    async def _recover(self, gap: Gap) -> None:
        """The older part of a long gap at once, then up to its end, then the end once more: search is late."""
        pace = self._pace
        search = self._searcher.begin(gap, self._allowance)
        if gap.end - gap.start > pace.long_gap * 1000:
            await self._searcher.look(search, gap.start, None)
            gap = self._rest(gap, pace.long_gap)
        for delay, beyond in ((pace.soon, pace.soon / 12), (pace.settle, pace.soon / 3)):
            await self._until(gap.end / 1000 + delay)
            if self._pending is not None:
                self.add(gap)
                search.tell_ops(self._concerns)
                return
            await self._searcher.look(search, gap.start, gap.end / 1000 + beyond)
            search.tell_ops(self._concerns)
            gap = self._rest(gap, pace.settle / 2)
        self._hold(None)

    def _rest(self, gap: Gap, seconds: float) -> Gap:
        """The end of a gap, which is searched again: search shows a post seconds after the stream does."""
        rest = Gap(max(gap.start, gap.end - round(seconds * 1000)), gap.end)
        self._hold(rest)
        return rest

    def _hold(self, again: Gap | None) -> None:
        """Let the watermark go on, up to what is still to be searched."""
        starts = [gap.start for gap in (again, self._pending) if gap is not None]
        self._reception.watermark.gap_closed(min(starts, default=None))

    def _take(self) -> Gap:
        self._wanted.clear()
        gap, self._pending = self._pending, None
        if gap is None:
            raise RuntimeError("a gap was announced and is not there")
        return gap

    async def _until(self, moment: float) -> None:
        """Wait until then, or until another gap comes."""
        timer = asyncio.create_task(self._clock.sleep(moment - self._clock.now().timestamp()))
        wanted = asyncio.create_task(self._wanted.wait())
        try:
            await asyncio.wait({timer, wanted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (timer, wanted):
                task.cancel()
            await asyncio.gather(timer, wanted, return_exceptions=True)
