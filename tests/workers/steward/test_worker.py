"""The stage as it runs: one replica works, another follows one that died, a stop is soon over, X's refusal is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from schemas.errors import UnavailableError
from tests.workers.incidents.scene import arrival
from tests.workers.steward.rig import Rig
from workers.simulator.faults import Fault
from workers.steward.learning import Night
from workers.steward.lease import LEASE_MS, read_state, release_lease, take_lease
from workers.steward.worker import StewardWorker


@asynccontextmanager
async def running(worker: StewardWorker) -> AsyncIterator[asyncio.Event]:
    stopping = asyncio.Event()
    task = asyncio.create_task(worker.run(stopping))
    try:
        yield stopping
        stopping.set()
        await asyncio.wait_for(task, 10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: object, seconds: float = 10.0) -> None:
    assert callable(holds)
    async with asyncio.timeout(seconds):
        while not (await found if asyncio.iscoroutine(found := holds()) else found):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the store has no event for it


async def test_one_lease_at_a_time(one: Rig) -> None:
    async with one.store.write() as connection:
        assert await take_lease(connection, "a", 1_000)
        assert await take_lease(connection, "a", 2_000)
        assert not await take_lease(connection, "b", 2_000 + LEASE_MS)
        assert await take_lease(connection, "b", 2_001 + LEASE_MS)
        assert not await take_lease(connection, "a", 2_002 + LEASE_MS)
        await release_lease(connection, "a")
        assert not await take_lease(connection, "a", 2_002 + LEASE_MS)
        await release_lease(connection, "b")
        assert await take_lease(connection, "a", 2_002 + LEASE_MS)
        assert await take_lease(connection, "b", 5)  # a lease of a clock that was ahead


async def test_the_second_stands_by_and_follows_at_once_after_a_proper_stop(light: Rig) -> None:
    post = light.say("アクメ")
    await light.hold(post)
    light.world.remove(post.id)
    first, second = light.worker("first"), light.worker("second")
    async with running(first):
        await until(lambda: light.asked() == 1)
        async with running(second):
            await until(lambda: second.health.facts.get("standby"))
            assert second.health.ready  # it may be needed at any time
            assert not first.health.facts["standby"]
            light.clock.move(seconds=20)
            await asyncio.sleep(0.2)
            assert not first.health.facts["standby"]
            assert light.asked() == 1  # the work is done once
    async with running(second):
        await until(lambda: not second.health.facts["standby"])
        light.clock.move(seconds=61)
        await until(lambda: second.health.facts.get("posts_removed") is not None)


async def test_one_that_was_killed_is_followed_when_its_lease_has_run_out(light: Rig) -> None:
    async with light.store.write() as connection:
        await take_lease(connection, "killed", round(light.clock.now().timestamp() * 1000))
    worker = light.worker("second")
    async with running(worker):
        await until(lambda: worker.health.facts.get("standby"))
        light.clock.move(seconds=31)
        await until(lambda: not worker.health.facts["standby"])


async def test_a_stop_is_soon_over_though_x_hangs(light: Rig) -> None:
    await light.hold(light.say("アクメ"))
    light.world.order(Fault.HANG, on=["lookup"], times=None)
    async with running(light.worker()) as stopping:
        await asyncio.sleep(0.3)
        stopping.set()
    assert await light.rows("SELECT 1 FROM stage_leases WHERE leased_until > 0") == []


async def test_ops_hear_that_x_refuses_and_that_it_takes_us_again(light: Rig) -> None:
    await light.hold(light.say("アクメ"))
    light.world.order(Fault.UNAUTHORIZED, on=["lookup"])
    async with running(light.worker()):
        await until(light.alerts)
        assert await light.alerts() == {"steward_refused"}

        async def over() -> bool:
            return not await light.alerts()

        await until(over)


async def test_a_store_that_is_away_is_waited_for(light: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = light.worker(token=None)
    away, real = True, light.store.write

    @asynccontextmanager
    async def write() -> AsyncIterator[object]:
        if away:
            raise UnavailableError("the store is away")
        async with real() as connection:
            yield connection

    monkeypatch.setattr(light.store, "write", write)
    async with running(worker):
        await asyncio.sleep(0.2)
        away = False
        await until(lambda: not worker.health.facts.get("standby", True))
        await until(lambda: worker.health.ready)


async def test_without_a_token_nothing_of_xs_and_the_rest_all_the_same(light: Rig) -> None:
    worker = light.worker(token=None)
    async with running(worker):
        await until(lambda: worker.health.ready)
    assert worker.health.facts["removals"] == "off: no token of X"
    assert len(light.world.requests) == 0


async def test_the_night_learns_of_brands_that_are_alive(one: Rig) -> None:
    await one.scene.arrive(arrival(created=one.clock.now()), now=one.clock.now())
    async with one.tasks() as tasks:
        await tasks["learning"].turn()
        assert await one.rows("SELECT 1 FROM baselines") == []  # a replay of old posts learns by its own days
        one.clock.move(hours=25)
        await one.scene.arrive(arrival(created=one.clock.now()), now=one.clock.now())
        await tasks["learning"].turn()
        assert [row.brand for row in await one.rows("SELECT brand FROM baselines")] == ["acme"]
    async with one.store.read() as connection:
        assert await read_state(connection, "learning", Night) is not None
        await connection.execute(text("SELECT 1"))
