"""What the embedded log promises beyond the contract: text that is really gone, a full disk told, two processes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError, StopError, UnavailableError
from schemas.topics import MAX_COMPACTION_LAG_MS, RETENTION_MS, Topic
from workers.log import embedded_file
from workers.log.contract import Outgoing, Record
from workers.log.embedded import FILE_NAME, EmbeddedLog
from workers.log.embedded_writer import Writer

TOPIC = Topic("t", 2)
SECRET = b"the-text-that-must-go"


class Time:
    """Milliseconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.now = 1_775_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time_ms() -> Time:
    return Time()


@pytest.fixture
async def log(tmp_path: Path, time_ms: Time) -> AsyncIterator[EmbeddedLog]:
    opened = EmbeddedLog(tmp_path, partitions=None, now_ms=time_ms)
    await opened.create_topics([TOPIC])
    yield opened
    await opened.close()


def post(number: int, text: bytes = b"text", partition: int = 0) -> Outgoing:
    return Outgoing(partition, b"acme/%d" % number, text)


async def read(log: EmbeddedLog) -> list[Record]:
    return [record async for records in log.read(TOPIC, {}) for record in records]


async def until_gone(folder: Path, text: bytes) -> None:
    """Until no file of the folder holds the text."""

    def there() -> bool:
        return any(text in path.read_bytes() for path in folder.iterdir() if path.is_file())

    async with asyncio.timeout(5):
        while there():  # noqa: ASYNC110 - what is waited for lies on the disk
            await asyncio.sleep(0.05)


async def test_a_null_value_takes_the_text_out_of_every_file(log: EmbeddedLog, tmp_path: Path) -> None:
    for start in range(0, 600, 20):
        await log.produce(TOPIC, [post(n, SECRET * (n % 40) + b"x" * (n % 300)) for n in range(start, start + 20)])
    await log.produce(TOPIC, [post(1, SECRET), post(1, SECRET * 2000)])  # a revision; one over several pages
    consumer = await log.consumer(TOPIC, "g")
    await consumer.poll(10, 0)
    for start in range(0, 600, 50):
        await log.produce(TOPIC, [Outgoing(0, b"acme/%d" % n, None) for n in range(start, start + 50)])
    await until_gone(tmp_path, SECRET)
    assert [(one.key, one.value) for one in await read(log)] == [(b"acme/%d" % n, None) for n in range(600)]


async def test_a_null_value_reaches_its_key_alone_and_records_of_its_own_batch(log: EmbeddedLog) -> None:
    await log.produce(TOPIC, [post(1), post(2), post(1, partition=1), post(3), Outgoing(0, b"acme/3", None), post(3)])
    await log.produce(TOPIC, [Outgoing(0, b"acme/1", None)])
    assert [(one.partition, one.offset, one.key, one.value) for one in await read(log)] == [
        (0, 1, b"acme/2", b"text"),
        (0, 3, b"acme/3", None),
        (0, 4, b"acme/3", b"text"),
        (0, 5, b"acme/1", None),
        (1, 0, b"acme/1", b"text"),
    ]


async def test_another_process_takes_text_out_beside_a_running_one(log: EmbeddedLog, tmp_path: Path) -> None:
    await log.produce(TOPIC, [post(1, SECRET), post(2)])
    consumer = await log.consumer(TOPIC, "g")
    polling = asyncio.create_task(consumer.poll(10, 0))
    other = EmbeddedLog(tmp_path)
    await other.produce(TOPIC, [Outgoing(0, b"acme/1", None)])
    await other.close()
    await polling
    await until_gone(tmp_path, SECRET)


async def test_an_offset_is_never_given_twice(log: EmbeddedLog, tmp_path: Path, time_ms: Time) -> None:
    await log.produce(TOPIC, [post(n) for n in range(5)])
    time_ms.now += RETENTION_MS + 1
    await log.maintain()
    assert await read(log) == []
    assert (await log.offsets(TOPIC))[0] == (5, 5)
    await log.close()
    again = EmbeddedLog(tmp_path, now_ms=time_ms)
    await again.produce(TOPIC, [post(9)])
    assert [one.offset for one in await read(again)] == [5]
    await again.close()


async def test_retention_takes_what_is_old_and_nothing_else(log: EmbeddedLog, time_ms: Time) -> None:
    await log.produce(TOPIC, [post(n) for n in range(5)])
    time_ms.now += RETENTION_MS
    await log.produce(TOPIC, [post(n) for n in range(5, 8)])
    await log.maintain()
    assert len(await read(log)) == 8
    time_ms.now += 1
    await log.maintain()
    assert [one.offset for one in await read(log)] == [5, 6, 7]
    assert (await log.offsets(TOPIC))[0] == (5, 8)


async def test_compaction_keeps_the_newest_of_a_key_and_waits_its_time(log: EmbeddedLog, time_ms: Time) -> None:
    await log.produce(TOPIC, [post(1, b"old"), post(2, b"only"), post(1, b"new"), post(1, b"elsewhere", partition=1)])
    time_ms.now += MAX_COMPACTION_LAG_MS - 1
    await log.maintain()
    assert len(await read(log)) == 4
    time_ms.now += 1
    await log.maintain()
    assert [(one.offset, one.value) for one in await read(log)] == [(1, b"only"), (2, b"new"), (0, b"elsewhere")]
    consumer = await log.consumer(TOPIC, "g")
    consumer.seek(0, 0)
    found = await consumer.poll(10, 0)
    assert [one.offset for one in found[0]] == [1, 2]


async def test_maintenance_is_bounded_and_says_when_more_is_due(
    log: EmbeddedLog, time_ms: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.log.embedded.MAINTENANCE_ROWS", 10)
    await log.produce(TOPIC, [post(n) for n in range(25)])
    time_ms.now += RETENTION_MS + 1
    passes = 1
    while await log.maintain():
        passes += 1
    assert passes == 3
    assert await read(log) == []


async def test_a_full_disk_is_told_and_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = embedded_file.connect
    limited: list[sqlite3.Connection] = []

    def small(path: Path, *, read_only: bool) -> sqlite3.Connection:
        db = connect(path, read_only=read_only)
        if not read_only:
            db.execute("PRAGMA max_page_count=60")
            limited.append(db)
        return db

    monkeypatch.setattr(embedded_file, "connect", small)
    log = EmbeddedLog(tmp_path)
    await log.create_topics([TOPIC])
    acknowledged = 0

    async def fill() -> None:
        nonlocal acknowledged
        while True:
            await log.produce(TOPIC, [post(acknowledged, b"x" * 1000)])
            acknowledged += 1

    with pytest.raises(StopError, match="disk is full"):
        await fill()
    assert acknowledged > 10
    assert len(await read(log)) == acknowledged
    limited[0].execute("PRAGMA max_page_count=100000")  # somebody has made room
    await log.produce(TOPIC, [post(acknowledged)])
    assert [one.offset for one in await read(log)] == list(range(acknowledged + 1))
    await log.close()


async def test_two_processes_write_at_once_and_each_record_has_a_place_of_its_own(
    log: EmbeddedLog, tmp_path: Path
) -> None:
    other = EmbeddedLog(tmp_path)
    first = [log.produce(TOPIC, [post(n), post(n + 1000)]) for n in range(100)]
    second = [other.produce(TOPIC, [post(n + 2000)]) for n in range(100)]
    await asyncio.gather(*first, *second)
    found = await read(log)
    assert [one.offset for one in found] == list(range(300))
    assert len({one.key for one in found}) == 300
    await other.close()


async def test_one_callers_fault_is_raised_to_it_and_the_log_goes_on(log: EmbeddedLog) -> None:
    with pytest.raises(KeyError):
        await log.produce(TOPIC, [post(1, partition=7)])
    results = await asyncio.gather(
        log.produce(TOPIC, [post(2)]), log.produce(Topic("missing"), [post(3)]), return_exceptions=True
    )
    assert results[0] is None
    assert isinstance(results[1], UnavailableError)
    assert [one.key for one in await read(log)] == [b"acme/2"]


@pytest.mark.parametrize(
    ("damage", "error", "says"),
    [
        (lambda path: path.write_bytes(b"not a database" * 1000), StopError, "damaged"),
        (lambda path: _set_version(path, 99), ConfigurationError, "newer release"),
    ],
)
async def test_a_file_that_is_no_log_of_ours_is_refused_in_words(
    tmp_path: Path, damage: Callable[[Path], None], error: type[Exception], says: str
) -> None:
    damage(tmp_path / FILE_NAME)
    with pytest.raises(error, match=says):
        EmbeddedLog(tmp_path)


def _set_version(path: Path, version: int) -> None:
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version={version}")
    database.close()


async def test_a_closed_log_refuses_and_may_be_closed_again(log: EmbeddedLog) -> None:
    await log.close()
    with pytest.raises(UnavailableError, match="closed"):
        await log.produce(TOPIC, [post(1)])
    with pytest.raises(UnavailableError, match="closed"):
        await log.offsets(TOPIC)
    await log.close()


async def test_what_is_queued_at_once_is_one_transaction(tmp_path: Path) -> None:
    commits = 0

    def counted() -> None:
        nonlocal commits
        commits += 1

    log = EmbeddedLog(tmp_path)
    await log.create_topics([TOPIC])
    writer = Writer(tmp_path / FILE_NAME, lambda: 0, counted)

    def append(db: sqlite3.Connection) -> int:
        return embedded_file.append(db, TOPIC.name, [post(1)], 0)[0]

    await asyncio.gather(*[writer.submit(append, appends=True) for _ in range(100)])
    assert commits < 50
    await writer.close(5)
    await log.close()
