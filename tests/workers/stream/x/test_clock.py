"""The machine's clock is put back while we stream: what comes while the stream is broken after it is found too."""

from datetime import datetime, timedelta
from pathlib import Path

from structlog.testing import capture_logs

from tests.workers.stream.x.rig import rig
from workers.runtime.clock import SystemClock
from workers.simulator.faults import Fault


class Clock(SystemClock):
    """The machine's clock, wrong by so much."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


async def test_a_gap_after_the_clock_was_put_back_is_found(tmp_path: Path) -> None:
    with capture_logs() as said:
        await _broken_after_the_clock_was_put_back(tmp_path)
    gaps = [told["gap_seconds"] for told in said if told["event"] == "stream_connected"]
    assert gaps[0] is None
    assert 0 <= gaps[1] < 60


async def _broken_after_the_clock_was_put_back(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        clock = x.clock = Clock()
        clock.ahead = timedelta(hours=1)
        x.start()
        await x.connected()
        x.world.say("アクメ の故障 1")
        await x.complete()
        clock.ahead = timedelta()
        x.world.say("アクメ の故障 2")
        await x.complete()
        x.world.order(Fault.HTML_503, times=2)
        x.world.order(Fault.CLOSE)
        await x.until(lambda: not x.world.connections)
        x.world.say("アクメ の故障 3")
        await x.complete()
        await x.stop()
