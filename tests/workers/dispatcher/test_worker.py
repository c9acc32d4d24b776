"""The dispatcher stage on a log and a store: what is stored once, what is put aside, what is waited for."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from schemas.errors import ConfigurationError, StopError
from schemas.mention import record_key
from schemas.topics import MARKS
from tests.support.postgres import Database
from tests.workers.dispatcher.rig import FixedFiles, policy
from tests.workers.incidents.scene import START, arrival
from workers.dispatcher.worker import DispatcherWorker
from workers.log.contract import Outgoing
from workers.log.embedded import EmbeddedLog
from workers.runtime.clock import SystemClock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.store import Store, open_store
from workers.store.migrate import migrate
from workers.store.offsets import read_offsets

PARTITIONS = 3


def record(post_id: str, *, partition: int = 0, value: bytes | None = b"", **mark: Any) -> Outgoing:
    if value == b"":
        one = arrival(id=post_id, created=START, **mark)
        mention = bytes(one.mark.mention).decode()
        value = f'{{"mention":{mention},"kind":"{one.mark.kind}","severity":"{one.mark.severity}"}}'.encode()
    return Outgoing(partition, record_key("acme", post_id), value)


async def comes_to_hold(holds: Callable[[], Any], seconds: float = 15) -> None:
    """Wait until it holds (a plain or an async condition)."""
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < end, "it never came to hold"
        await asyncio.sleep(0.02)


class House:
    """An embedded log, a store, and dispatchers on them."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store
        self.log = EmbeddedLog(folder, partitions=PARTITIONS)
        self.files: Any = FixedFiles(policy_of_the_terminal())

    def worker(self, owner: str = "one") -> DispatcherWorker:
        clock = SystemClock()
        self.letters = DeadLetters(self.log, MARKS, "dispatcher", clock)
        self.health = StageHealth("dispatcher", clock)
        return DispatcherWorker(self.log, self.store, self.files, clock, self.health, self.letters, owner)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[DispatcherWorker]:
        worker, stopping = self.worker(), asyncio.Event()
        task = asyncio.create_task(worker.run(stopping))
        try:
            yield worker
        finally:
            stopping.set()
            await asyncio.wait_for(task, 20)

    async def put(self, *records: Outgoing) -> None:
        await self.log.produce(MARKS, records)

    async def posts(self) -> list[str]:
        async with self.store.read() as connection:
            return sorted((await connection.execute(text("SELECT id FROM posts"))).scalars())

    async def come_to_hold(self, *ids: str, seconds: float = 15) -> None:
        async def stored() -> bool:
            return await self.posts() == sorted(ids)

        await comes_to_hold(stored, seconds)


def policy_of_the_terminal() -> Any:
    from config.routes import Receiver

    return policy(Receiver("desk", "console"))


@pytest.fixture
async def house(store: Store, tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path, store)
    await made.log.create_topics([MARKS, MARKS.dead_letters])
    yield made
    await made.log.close()


async def test_each_mark_is_stored_once_over_a_restart(house: House) -> None:
    await house.put(record("1"), record("2", partition=1), record("3", partition=2))
    async with house.running():
        await house.come_to_hold("1", "2", "3")
    await house.put(record("1"), record("4"))
    async with house.running() as worker:
        await house.come_to_hold("1", "2", "3", "4")
        assert worker.opened == 1
    async with house.store.read() as connection:
        assert await read_offsets(connection, MARKS.name) == {0: 3, 1: 1, 2: 1}


async def test_the_stores_offset_is_the_truth_not_the_groups(house: House) -> None:
    consumer = await house.log.consumer(MARKS, "dispatcher")
    await house.put(record("1"), record("2"))
    await consumer.poll(10, 5)
    await consumer.commit({0: 2})  # somebody says that all is done
    await consumer.close()
    async with house.running():
        await house.come_to_hold("1", "2")


async def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(house: House) -> None:
    await house.put(record("1"), record("2", value=b"{"), record("3"))
    async with house.running():
        await house.come_to_hold("1", "3")
        assert house.letters.put_total == 1
        assert house.health.ready


async def test_fifty_dead_letters_in_a_row_stop_it_and_nothing_is_skipped(house: House) -> None:
    await house.put(record("1"), *(record(str(i), value=b"{%d" % i) for i in range(100, 160)), record("2"))
    worker = house.worker()
    with pytest.raises(StopError, match="50 records in a row"):
        await asyncio.wait_for(worker.run(asyncio.Event()), 20)
    assert await house.posts() == ["1"]
    assert house.letters.put_total == 50
    async with house.store.read() as connection:
        assert await read_offsets(connection, MARKS.name) == {0: 51}


async def test_a_newer_schema_is_waited_for_and_no_dead_letter(house: House) -> None:
    await house.put(record("1"), record("2", value=b'{"schema_version":2}'), record("3"), record("4", partition=1))
    async with house.running():
        await house.come_to_hold("1", "4")
        await asyncio.sleep(0.5)
        assert house.letters.put_total == 0
        assert not house.health.ready
        assert "newer release" in house.health.reasons[0]


async def test_a_null_value_takes_the_post_away(house: House) -> None:
    await house.put(record("1"), record("2"))
    async with house.running():
        await house.come_to_hold("1", "2")
        await house.put(record("1", value=None))
        await house.come_to_hold("2")
        await house.put(record("1"))
        await asyncio.sleep(0.3)
        assert await house.posts() == ["2"]


async def test_offsets_past_the_end_are_refused_with_the_remedy(house: House) -> None:
    await house.put(record("1"))
    async with house.store.write() as connection:
        values = {"topic": MARKS.name}
        await connection.execute(text("INSERT INTO next_offsets VALUES (:topic, 0, 99)"), values)
    with pytest.raises(ConfigurationError, match="topics create --reset-offsets"):
        await asyncio.wait_for(house.worker().run(asyncio.Event()), 20)


async def test_another_owner_fences_a_zombie(house: House) -> None:
    """As if it had been stopped between a poll and its transaction while another went on."""
    await house.put(record("1"))
    async with house.running() as worker:
        await house.come_to_hold("1")
        async with house.store.write() as connection:
            await connection.execute(text("UPDATE next_offsets SET next_offset = 2"))
        await house.put(record("2"), record("3"))  # offset 1 was "stored by the other"
        await house.come_to_hold("1", "3")
        assert worker.opened == 2


@pytest.mark.postgres
async def test_the_store_goes_away_and_comes_back(postgres: Database, tmp_path: Path) -> None:
    store = open_store(postgres.url)
    await migrate(store)
    house = House(tmp_path, store)
    await house.log.create_topics([MARKS, MARKS.dead_letters])
    async with house.running():
        await house.put(record("1"))
        await house.come_to_hold("1")
        postgres.server.kill()
        await house.put(record("2"), record("3", partition=1))
        await comes_to_hold(lambda: not house.health.ready)
        assert house.health.reasons == ["waits for store"]
        assert house.health.stuck_seconds == 0
        postgres.server.start()
        await house.come_to_hold("1", "2", "3", seconds=30)
        await comes_to_hold(lambda: house.health.ready)
    await house.log.close()
    with contextlib.suppress(Exception):
        await store.close()


class Gate:
    """Holds back the worker's first transaction until it is opened; counts how many came."""

    def __init__(self, worker: DispatcherWorker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.reached, self._transaction = asyncio.Event(), asyncio.Event(), worker._ingestion._transaction
        monkeypatch.setattr(worker._ingestion, "_transaction", self._held)
        monkeypatch.setattr("workers.dispatcher.ingestion.MAX_RECORDS", 2)

    async def _held(self, *given: Any, **named: Any) -> Any:
        self.reached.set()
        await self.opened.wait()
        return await self._transaction(*given, **named)


async def test_what_was_read_behind_a_fenced_batch_goes_with_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.put(*(record(str(i)) for i in range(1, 11)))
    async with house.running() as worker:
        gate = Gate(worker, monkeypatch)
        await gate.reached.wait()  # two are on their way to the store, two were read behind them
        await asyncio.sleep(0.1)
        async with house.store.write() as connection:
            await connection.execute(text("INSERT INTO next_offsets VALUES (:t, 0, 7)"), {"t": MARKS.name})
        gate.opened.set()
        await house.come_to_hold("8", "9", "10")


async def test_partitions_that_are_taken_away_take_what_was_read_of_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.put(*(record(str(i)) for i in range(1, 7)))
    async with house.running() as worker:
        gate = Gate(worker, monkeypatch)
        await gate.reached.wait()
        await asyncio.sleep(0.1)
        revoking = asyncio.create_task(worker._ingestion._on_revoked({0}))
        await asyncio.sleep(0.05)
        assert not revoking.done()  # the transaction under way is waited for
        gate.opened.set()
        await revoking
        await asyncio.sleep(0.3)
        assert await house.posts() == ["1", "2"]  # the two behind it were dropped
        await worker._ingestion._on_assigned({0})
        await house.come_to_hold("1", "2", "3", "4", "5", "6")
