"""The stream gives a part of the posts while heartbeats flow: it is noticed, told, mended, and nothing stays lost."""

import asyncio
from pathlib import Path

import pytest

from tests.workers.stream.x.rig import rig, scaled
from tests.workers.stream.x.test_money import Ops
from workers.simulator.faults import Fault
from workers.stream.x.audit import is_loss


@pytest.mark.parametrize(
    ("missing", "found", "loss"), [(0, 0, False), (4, 8, False), (5, 8, True), (30, 300, False), (60, 300, True)]
)
def test_a_few_posts_that_only_search_sees_are_no_loss(missing: int, found: int, loss: bool) -> None:
    assert is_loss(missing, found) == loss


async def test_half_the_volume_is_noticed_and_the_rest_found(tmp_path: Path) -> None:
    async with rig(tmp_path, speed=80.0) as x:
        x.pace = scaled(80.0)
        ops = Ops()
        x.start(x.source(tell_ops=ops.tell))
        await x.connected()
        talk = asyncio.create_task(x.talk(80.0))
        await asyncio.sleep(4.0)
        assert "x_posts_missing" not in ops.raised()
        x.world.order(Fault.HALF_VOLUME)
        await x.until(lambda: "x_posts_missing" in ops.raised())
        await x.until(lambda: len(x.world.connects()) == 2)
        await asyncio.sleep(1.0)
        talk.cancel()
        await x.complete()
        await x.stop()


async def test_a_stream_that_was_never_whole_is_noticed_by_looking_from_time_to_time(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        x.pace = scaled(audit=4.0)
        ops = Ops()
        x.world.order(Fault.HALF_VOLUME)
        x.start(x.source(tell_ops=ops.tell))
        await x.connected()
        talk = asyncio.create_task(x.talk(20.0))
        await x.until(lambda: "x_posts_missing" in ops.raised())
        talk.cancel()
        await x.complete()
        await x.stop()
