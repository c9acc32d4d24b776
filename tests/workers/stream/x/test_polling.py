"""A plan without a stream: recent search again and again, each post once and in time, within the quota."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from schemas.errors import RefusedError
from tests.workers.stream.x.rig import Rig, rig, scaled
from tests.workers.stream.x.test_money import Ops
from workers.simulator.faults import Fault
from workers.stream.x.pace import Pace
from workers.stream.x.poller import poll_seconds
from workers.x.keeper import State


def searches(x: Rig) -> int:
    return sum(request.endpoint == "search" for request in x.world.requests)


async def polled(x: Rig) -> None:
    """Wait until a search went well."""
    before = searches(x)
    await x.until(lambda: searches(x) > before and x.health.ready)


@pytest.mark.parametrize(("rules", "seconds"), [(1, 15.0), (6, 15.0), (40, 100.0), (1000, 2500.0)])
def test_it_polls_as_often_as_the_quota_lets_it(rules: int, seconds: float) -> None:
    assert poll_seconds(rules, Pace()) == seconds
    assert rules * 900 / poll_seconds(rules, Pace()) <= 0.8 * 450


@pytest.mark.parametrize("reading", ["auto", "search"])
async def test_without_a_stream_every_post_comes_by_search_once_and_in_time(tmp_path: Path, reading: str) -> None:
    async with rig(tmp_path, streaming=reading == "search") as x:
        x.start(reading=reading, fail_first=True)
        await polled(x)
        assert x.health.facts["reading"] == "search"
        assert x.world.connections == {}
        for number in range(30):
            said = x.world.say(f"Acme {number}")
            x.world.matched[said.id] = ("by search",)
            await asyncio.sleep(0.05)
        mentions = await x.complete()
        assert not any(mention.recovered for mention in mentions)
        assert x.world.meter.used == 30
        polls = searches(x)
        await asyncio.sleep(1.5)
        assert searches(x) - polls <= 5
        await x.stop()
        assert not x.world.rules.all()


async def test_what_came_while_it_was_away_is_read_late_and_marked_so(tmp_path: Path) -> None:
    async with rig(tmp_path, streaming=False) as x:
        x.pace = scaled(late=0.5)
        x.start()
        await polled(x)
        await x.stop()
        said = x.world.say("Acme while nobody listens")
        x.world.matched[said.id] = ("by search",)
        await asyncio.sleep(3.0)
        x.start()
        mentions = await x.complete()
        assert [mention.recovered for mention in mentions] == [True]
        await x.stop()


async def test_where_a_search_is_refused_too_run_ends(tmp_path: Path) -> None:
    async with rig(tmp_path, streaming=False) as x:
        x.world.order(Fault.FORBIDDEN, times=None, on=("search",))
        with pytest.raises(RefusedError, match="403"):
            await x.worker_of(x.source(fail_first=True)).run(x.stopping)
        assert searches(x) == 1


async def test_who_asks_for_the_stream_alone_is_refused_where_there_is_none(tmp_path: Path) -> None:
    async with rig(tmp_path, streaming=False) as x:
        with pytest.raises(RefusedError, match="403"):
            await x.worker_of(x.source(fail_first=True, reading="stream")).run(x.stopping)
        assert searches(x) == 0


async def test_a_wrong_token_is_no_plan_without_a_stream(tmp_path: Path) -> None:
    async with rig(tmp_path) as x:
        with pytest.raises(RefusedError, match="401"):
            await x.worker_of(x.source(fail_first=True, bearer_token=SecretStr("wrong"))).run(x.stopping)
        assert searches(x) == 0


async def test_when_the_plan_gets_a_stream_it_is_taken(tmp_path: Path) -> None:
    async with rig(tmp_path, streaming=False) as x:
        x.pace = scaled(again=1.0)
        x.start()
        await polled(x)
        x.simulator.options.streaming = True
        await x.connected()
        x.world.say("Acme by the stream")
        await x.complete()
        await x.until(lambda: x.health.facts["reading"] == "stream")
        await x.stop()


async def test_the_cap_holds_for_searches_too(tmp_path: Path) -> None:
    async with rig(tmp_path, streaming=False) as x:
        x.start(daily_posts=25)
        await polled(x)
        for number in range(60):
            x.world.say(f"Acme {number}")
        await x.until(lambda: x.health.is_stopped)
        assert x.world.meter.used <= 25
        await x.stop()


async def test_what_was_given_up_is_not_searched_and_paid_for_again_with_every_poll(tmp_path: Path) -> None:
    async with rig(tmp_path, streaming=False) as x:
        x.pace = scaled(late=0.5)
        x.start(reading="search")
        await polled(x)
        await x.stop()
        for number in range(250):
            x.world.say(f"Acme {number}")
            await asyncio.sleep(0.002)
        await asyncio.sleep(2.5)
        ops = Ops()
        x.start(x.source(reading="search", recovery_usd=1.5, tell_ops=ops.tell))  # a hundred posts with their authors
        await x.until(lambda: "x_gap_given_up" in ops.raised())
        before = x.world.meter.used
        await asyncio.sleep(2.0)
        assert 100 <= before <= 110
        assert x.world.meter.used == before
        await x.stop()


async def test_what_lies_further_back_than_search_reaches_is_given_up_once(tmp_path: Path) -> None:
    async with rig(tmp_path, streaming=False) as x:
        x.start(reading="search")
        await polled(x)
        await x.stop()
        nine_days = round(x.clock.now().timestamp() * 1000) - 9 * 86_400_000
        async with x.store.write() as connection:
            state = msgspec.json.encode(State(watermark=nine_days)).decode()
            await connection.execute(text("UPDATE stream_state SET state = :state"), {"state": state})
        ops = Ops()
        x.start(x.source(reading="search", tell_ops=ops.tell))
        await x.until(lambda: "x_gap_given_up" in ops.raised())
        await polled(x)
        await x.until(lambda: x.health.facts["deaf_seconds"] < 60)
        await x.stop()
