"""Compares our meter with X's own count, each hour: a difference is told, since one of the two is wrong."""

from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.stream.x.concerns import Concerns
from workers.x.api import XApi
from workers.x.budget import utc_day
from workers.x.failure import CallFailed
from workers.x.meter import Meter
from workers.x.usage import compare, read_usage

_log = get_logger(__name__)


class UsageComparison:
    """Asks X; what it can't be asked is no fault: the meter goes on alone."""

    def __init__(self, api: XApi, meter: Meter, clock: Clock, seconds: float, concerns: Concerns) -> None:
        self._api, self._meter, self._clock, self._seconds, self._concerns = api, meter, clock, seconds, concerns

    async def run(self) -> None:
        """For ever."""
        await self._clock.sleep(self._seconds / 12)
        while True:
            await self._compare()
            await self._clock.sleep(self._seconds)

    async def _compare(self) -> None:
        try:
            told = read_usage(await self._api.usage())
        except CallFailed as error:
            _log.info("x_usage_unknown", reason=error.failure.detail)
            return
        found = compare(self._meter.all_days, told, utc_day(self._clock.now()))
        if found is None:
            return
        metrics.X_USAGE_DIFFERENCE.set(found.difference)
        if not found.matters:
            self._concerns.over("x_usage_differs")
            return
        _log.warning("x_usage_differs", ours=found.ours, by_x=found.by_x, since=found.since)
        self._concerns.worry(
            "x_usage_differs",
            f"{found}: another program may read with this project, or one of the counts is wrong; see `hikeshi usage`",
            f"X の集計は {found.since} から {found.by_x} 件、こちらは {found.ours} 件です。"
            "別のプログラムも同じプロジェクトで読んでいるか、どちらかの誤りです。`hikeshi usage` で確かめてください",
        )
