"""The classifier's stage on the embedded log: what becomes of each kind of record, and of each kind of trouble."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from config.brands import Brand
from config.keywords import Keyword
from schemas.errors import StopError, UnavailableError
from schemas.mark import KINDS, Mark, Verdict
from schemas.topics import MARKS, MAX_RECORD_BYTES, MENTIONS, Topic, mark_partition
from workers.classifier.model import Post
from workers.classifier.worker import ClassifierWorker
from workers.log.contract import Log, Outgoing, Record
from workers.log.embedded import FILE_NAME, EmbeddedLog
from workers.runtime.clock import SystemClock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth

PARTITIONS = 3
BRANDS = (
    Brand(name="Acme", id="acme", keywords=(Keyword(text="Acme"),), own=("acme_jp",)),
    Brand(name="Bolt", id="bolt", keywords=(Keyword(text="Bolt"),)),
)


class TrivialClassifier:
    """Every post is a complaint. `seconds`: how long a batch takes."""

    version = "trivial"

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def classify(self, posts: Sequence[Post]) -> list[Verdict]:
        time.sleep(self.seconds)
        scores = dict.fromkeys(KINDS, 0.0) | {"complaint": 1.0}
        return [
            Verdict(
                lang=post.lang or "en",
                kind="complaint",
                scores=scores,
                negative=1.0,
                severity="low",
                influence="none",
                reasons=["r"],
            )
            for post in posts
        ]


class Stage:
    """One worker with what it needs; several may follow each other on one log."""

    def __init__(self, log: Log, classifier: TrivialClassifier | None = None) -> None:
        clock = SystemClock()
        self.log = log
        self.letters = DeadLetters(log, MENTIONS, "classifier", clock)
        self.health = StageHealth("classifier", clock)
        files: Any = SimpleNamespace(brands=BRANDS)
        self.worker = ClassifierWorker(log, classifier or TrivialClassifier(), files, clock, self.health, self.letters)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        task = asyncio.create_task(self.worker.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await asyncio.wait_for(task, 10)

    async def marks(self, count: int) -> list[Record]:
        """The marks' topic, once it holds so many records."""
        await until(lambda: self._count(MARKS, count))
        return await read(self.log, MARKS)

    async def _count(self, topic: Topic, count: int) -> bool:
        return sum(end for _, end in (await self.log.offsets(topic)).values()) >= count

    async def letter_count(self) -> int:
        return len(await read(self.log, MENTIONS.dead_letters))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 - what is waited for lies in the log
            await asyncio.sleep(0.02)


async def _reasons(stage: Stage, text: str) -> bool:
    return text in " ".join(stage.health.reasons)


async def _ready(stage: Stage) -> bool:
    return stage.health.ready


async def read(log: Log, topic: Topic) -> list[Record]:
    return [record async for records in log.read(topic, {}) for record in records]


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    opened = EmbeddedLog(tmp_path, partitions=PARTITIONS)
    await opened.create_topics([MENTIONS, MARKS, MENTIONS.dead_letters, MARKS.dead_letters])
    yield opened
    await opened.close()


def mention(number: int, *, brand: str = "acme", partition: int = 0, **fields: Any) -> Outgoing:
    value = {"id": str(number), "brand": brand, "text": f"text {number}", "created_at": "2026-04-01T00:00:00.000Z"}
    headers = [("traceparent", b"00-%032x-%016x-01" % (number, number))]
    return Outgoing(partition, f"{brand}/{number}".encode(), msgspec.json.encode(value | fields), headers)


async def test_a_mark_carries_its_mention_untouched(log: EmbeddedLog) -> None:
    sent = mention(7, brand="bolt", lang="ja", a_field_of_tomorrow={"x": [1, 2.50]})
    await log.produce(MENTIONS, [sent])
    stage = Stage(log)
    async with stage.running():
        [record] = await stage.marks(1)
    assert sent.value is not None
    assert record.value is not None
    assert (record.key, list(record.headers)) == (sent.key, list(sent.headers))
    assert record.partition == mark_partition("bolt", PARTITIONS)
    mark = msgspec.json.decode(record.value, type=Mark)
    assert bytes(mark.mention) == sent.value
    assert (mark.kind, mark.severity, mark.classifier, mark.schema_version) == ("complaint", "low", "trivial", 1)
    assert stage.worker.marks == 1


async def test_many_batches_are_marked_once_and_in_order(log: EmbeddedLog) -> None:
    for start in range(0, 9_000, 3_000):
        await log.produce(MENTIONS, [mention(n, partition=n % PARTITIONS) for n in range(start, start + 3_000)])
    stage = Stage(log)
    async with stage.running():
        marks = await stage.marks(9_000)
    seen = [int((one.key or b"").split(b"/")[1]) for one in marks]
    assert sorted(seen) == list(range(9_000))
    for partition in range(PARTITIONS):  # a post's revisions keep their order: those of one partition do
        of_partition = [n for n in seen if n % PARTITIONS == partition]
        assert of_partition == sorted(of_partition)
    assert await log.committed(MENTIONS, "classifier") == dict.fromkeys(range(PARTITIONS), 3_000)
    assert stage.worker.marks == 9_000


async def test_a_removed_post_is_removed_from_the_marks_too(log: EmbeddedLog) -> None:
    await log.produce(MENTIONS, [mention(1), mention(2)])
    stage = Stage(log)
    async with stage.running():
        await stage.marks(2)
        await log.produce(MENTIONS, [Outgoing(0, b"acme/1", None)])
        marks = await stage.marks(3)
    assert [(one.key, one.value is None) for one in marks] == [(b"acme/2", False), (b"acme/1", True)]
    assert stage.worker.marks == 2


async def test_our_own_accounts_never_complain(log: EmbeddedLog) -> None:
    await log.produce(
        MENTIONS,
        [
            mention(1, author={"username": "Acme_JP"}, lang="ja"),
            mention(2, author={"username": "somebody"}),
            mention(3, brand="bolt", author={"username": "acme_jp"}),
        ],
    )
    stage = Stage(log)
    async with stage.running():
        marks = await stage.marks(3)
    by_key = {one.key: msgspec.json.decode(one.value or b"", type=Mark) for one in marks}
    own = by_key[b"acme/1"]
    assert (own.kind, own.severity, own.reasons) == ("neutral", "none", ["このブランド自身のアカウントの投稿"])
    assert by_key[b"acme/2"].kind == by_key[b"bolt/3"].kind == "complaint"


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", b"null", b'{"id":"1"}', b'{"id":1,"brand":"acme","text":"t","created_at":"x"}', b"\xff\xfe"],
)
async def test_what_is_no_mention_becomes_a_dead_letter_and_the_rest_goes_on(log: EmbeddedLog, value: bytes) -> None:
    await log.produce(MENTIONS, [mention(1), Outgoing(0, b"acme/2", value, [("traceparent", b"t")]), mention(3)])
    stage = Stage(log)
    async with stage.running():
        marks = await stage.marks(2)
        await until(lambda: _committed(log, 3))
    assert [one.key for one in marks] == [b"acme/1", b"acme/3"]
    [letter] = await read(log, MENTIONS.dead_letters)
    told = msgspec.json.decode(letter.value or b"")
    assert told["where"] == {"topic": MENTIONS.name, "partition": 0, "offset": 1}
    assert (told["stage"], told["headers"]) == ("classifier", {"traceparent": "t"})


async def _committed(log: EmbeddedLog, offset: int) -> bool:
    return (await log.committed(MENTIONS, "classifier")).get(0) == offset


async def test_a_newer_schema_is_waited_for_and_nothing_is_put_aside(log: EmbeddedLog) -> None:
    newer = Outgoing(0, b"acme/2", b'{"schema_version":2,"id":["changed"]}')
    await log.produce(MENTIONS, [mention(1), newer, mention(3), mention(4, partition=1)])
    stage = Stage(log)
    async with stage.running():
        marks = await stage.marks(2)
        await until(lambda: _committed(log, 1))
        assert any("schema" in reason for reason in stage.health.reasons)
        await asyncio.sleep(0.3)
        assert {one.key for one in marks} == {b"acme/1", b"acme/4"}
        assert await stage.letter_count() == 0
        assert stage.health.stuck_seconds == 0
    assert await log.committed(MENTIONS, "classifier") == {0: 1, 1: 1}


async def test_a_record_of_a_newer_schema_that_was_removed_is_waited_for_no_longer(
    log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.classifier.worker.NEWER_SCHEMA_SECONDS", 0.3)
    await log.produce(MENTIONS, [Outgoing(0, b"acme/1", b'{"schema_version":2}'), mention(2)])
    stage = Stage(log)
    async with stage.running():
        await until(lambda: _reasons(stage, "schema"))
        await asyncio.sleep(0.5)
        await log.produce(MENTIONS, [Outgoing(0, b"acme/1", None)])
        marks = await stage.marks(2)
        await until(lambda: _ready(stage))
    assert [(one.key, one.value is None) for one in marks] == [(b"acme/2", False), (b"acme/1", True)]


async def test_the_stop_rule_stops_it_and_what_was_put_aside_does_not_come_again(log: EmbeddedLog) -> None:
    await log.produce(MENTIONS, [mention(0), *[Outgoing(0, b"acme/%d" % n, b"bad") for n in range(1, 61)]])
    stage = Stage(log)
    with pytest.raises(StopError, match="dead-letters retry"):
        await stage.worker.run(asyncio.Event())
    assert await stage.letter_count() == 50
    assert (await log.committed(MENTIONS, "classifier")) == {0: 51}
    again = Stage(log)
    letters = await read(log, MENTIONS.dead_letters)
    await log.produce(MENTIONS.dead_letters, [Outgoing(0, one.key or b"", None) for one in letters])  # dropped
    async with again.running():
        await until(lambda: _committed(log, 61))
    assert await again.letter_count() == 50 + 10  # the null values, and the letters of the rest
    assert len(await read(log, MARKS)) == 1


async def test_a_mark_too_large_for_the_log_is_put_aside(log: EmbeddedLog) -> None:
    filled = mention(2, filler="x" * (MAX_RECORD_BYTES - 600))
    await log.produce(MENTIONS, [mention(1), filled, mention(3)])
    stage = Stage(log)
    async with stage.running():
        marks = await stage.marks(2)
        await until(lambda: _committed(log, 3))
    assert [one.key for one in marks] == [b"acme/1", b"acme/3"]
    [letter] = await read(log, MENTIONS.dead_letters)
    assert "its mark takes" in msgspec.json.decode(letter.value or b"")["fault"]
    assert stage.worker.marks == 2


async def test_a_damaged_record_is_put_aside_by_its_place(log: EmbeddedLog, tmp_path: Path) -> None:
    await log.produce(MENTIONS, [mention(1), mention(2), mention(3)])
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute("UPDATE records SET value=? WHERE key=?", (b"{}", b"acme/2"))
    database.commit()
    database.close()
    stage = Stage(log)
    async with stage.running():
        marks = await stage.marks(2)
        await until(lambda: _committed(log, 3))
    assert [one.key for one in marks] == [b"acme/1", b"acme/3"]
    [letter] = await read(log, MENTIONS.dead_letters)
    assert "checksum" in msgspec.json.decode(letter.value or b"")["fault"]


async def test_a_log_that_is_away_is_waited_for_in_the_open(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    away = True
    produce = log.produce

    async def refuse(topic: Topic, records: Sequence[Outgoing]) -> None:
        if away:
            raise UnavailableError("no broker")
        await produce(topic, records)

    await log.produce(MENTIONS, [mention(1)])
    monkeypatch.setattr(log, "produce", refuse)
    stage = Stage(log)
    async with stage.running():
        await until(lambda: _reasons(stage, "waits for the log"))
        away = False
        await stage.marks(1)
        await until(lambda: _ready(stage))


async def test_told_to_stop_while_the_log_is_away_it_leaves_the_batch_to_the_next_start(
    log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(topic: Topic, records: Sequence[Outgoing]) -> None:
        raise UnavailableError("no broker")

    await log.produce(MENTIONS, [mention(1)])
    with monkeypatch.context() as patch:
        patch.setattr(log, "produce", refuse)
        stage = Stage(log)
        async with stage.running():
            await asyncio.sleep(0.5)
    assert await log.committed(MENTIONS, "classifier") == {}
    after = Stage(log)
    async with after.running():
        await after.marks(1)


async def test_the_loop_stays_responsive_while_a_batch_is_classified(log: EmbeddedLog) -> None:
    await log.produce(MENTIONS, [mention(n) for n in range(10)])
    stage = Stage(log, TrivialClassifier(seconds=1.0))
    latest = 0.0
    async with stage.running():
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            latest = max(latest, time.monotonic() - began - 0.01)
        await stage.marks(10)
    assert latest < 0.2


async def test_a_stop_finishes_what_is_in_flight(log: EmbeddedLog) -> None:
    await log.produce(MENTIONS, [mention(n) for n in range(10)])
    stage = Stage(log, TrivialClassifier(seconds=0.5))
    async with stage.running():
        await asyncio.sleep(0.2)
    assert stage.worker.marks == 10
    assert await log.committed(MENTIONS, "classifier") == {0: 10}
