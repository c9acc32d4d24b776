"""The classifier's stage on a real broker: workers come and go, and the broker dies, while mentions keep coming."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from config.settings import KafkaSettings
from schemas.errors import UnavailableError
from schemas.topics import Topic
from tests.support.kafka import KafkaBroker
from tests.workers.classifier.test_stage import Stage, TrivialClassifier, mention
from workers.classifier import worker
from workers.log.contract import Record
from workers.log.kafka import KafkaLog

pytestmark = pytest.mark.kafka

BATCH = 50


@pytest.fixture(autouse=True)
def topics(kafka: KafkaBroker, monkeypatch: pytest.MonkeyPatch) -> tuple[Topic, Topic]:
    """Topics of this test's own, since the broker serves the whole run."""
    name = kafka.fresh_name("stage")
    mentions, marks = Topic(f"{name}-mentions", 4), Topic(f"{name}-marks", 4)
    monkeypatch.setattr(worker, "MENTIONS", mentions)
    monkeypatch.setattr(worker, "MARKS", marks)
    monkeypatch.setattr("tests.workers.classifier.test_stage.MENTIONS", mentions)
    monkeypatch.setattr(worker.ClassifierWorker, "name", f"{name}-classifier")
    return mentions, marks


@pytest.fixture
async def logs(kafka: KafkaBroker, topics: tuple[Topic, Topic]) -> AsyncIterator[list[KafkaLog]]:
    """Clients as of three processes."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(3):
            log = KafkaLog(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers), session_seconds=3.0)
            stack.push_async_callback(log.close)
            opened.append(log)
        await opened[0].create_topics([*topics, topics[0].dead_letters])
        yield opened


async def produce(log: KafkaLog, topic: Topic, enough: asyncio.Event) -> int:
    """Mentions, some every 50 ms, until it is enough; returns how many."""
    count = 0
    while not enough.is_set():
        await log.produce(topic, [mention(n, partition=n % 4) for n in range(count, count + BATCH)])
        count += BATCH
        await asyncio.sleep(0.05)
    return count


async def marks_of(log: KafkaLog, topic: Topic) -> Counter[int]:
    found: list[Record] = [one async for records in log.read(topic, {}) for one in records]
    return Counter(int((one.key or b"").split(b"/")[1]) for one in found)


async def all_marked(log: KafkaLog, topic: Topic, count: int) -> Counter[int]:
    """How often each mention was marked, once all are."""
    found: Counter[int] = Counter()
    async with asyncio.timeout(60):
        while len(found) < count:
            await asyncio.sleep(0.3)
            with contextlib.suppress(UnavailableError):  # the broker may only just have come back
                found = await marks_of(log, topic)
    return found


async def has_marked(stage: Stage) -> None:
    async with asyncio.timeout(30):
        while not stage.worker.marks:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.05)


async def test_workers_that_join_and_leave_mark_everything_once(
    logs: list[KafkaLog], topics: tuple[Topic, Topic]
) -> None:
    mentions, marks = topics
    enough = asyncio.Event()
    producing = asyncio.create_task(produce(logs[0], mentions, enough))
    first, second, third = (Stage(log, TrivialClassifier(seconds=0.05)) for log in logs)
    async with first.running():
        await has_marked(first)
        async with second.running():
            await has_marked(second)
            async with third.running():
                await has_marked(third)
            enough.set()
            count = await producing
            found = await all_marked(logs[0], marks, count)
    assert set(found.values()) == {1}  # what was in flight at each revocation was finished and committed
    assert sum(stage.worker.marks for stage in (first, second, third)) == count


async def test_a_broker_that_dies_holds_it_up_and_loses_nothing(
    kafka: KafkaBroker, logs: list[KafkaLog], topics: tuple[Topic, Topic]
) -> None:
    mentions, marks = topics
    enough = asyncio.Event()
    producing = asyncio.create_task(produce(logs[0], mentions, enough))
    stage = Stage(logs[1])
    async with stage.running():
        await has_marked(stage)
        kafka.kill()
        await asyncio.sleep(1.0)
        await asyncio.to_thread(kafka.start)
        enough.set()
        count = await producing
        found = await all_marked(logs[0], marks, count)
    assert set(found) == set(range(count))
    assert max(found.values()) <= 2  # a batch whose commit was under way may have come again
