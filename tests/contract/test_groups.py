"""Consumer groups, on a real Kafka broker: who gets what when members come, go, die, freeze and wake."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from schemas.errors import FencedError, UnavailableError
from schemas.topics import Topic
from tests.contract.logs import PARTITIONS, KafkaPlace, numbers, read_all, record, take
from tests.contract.test_crash import member
from tests.support.process import Process
from workers.log.contract import Consumer
from workers.log.kafka import KafkaLog

pytestmark = pytest.mark.kafka

ALL = set(range(PARTITIONS))


@pytest.fixture
def place(kafka_place: KafkaPlace) -> KafkaPlace:
    return kafka_place


async def until(holds: Callable[[], bool | Awaitable[bool]], seconds: float = 25.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            value = holds()
            if value if isinstance(value, bool) else await value:
                return
            await asyncio.sleep(0.05)


def taken_by(process: Process) -> list[int]:
    """The numbers that a `consume` member has said it took."""
    lines = process.stdout.split("\n")[:-1]
    return [int(word) for line in lines if line.startswith("took") for word in line.split()[1:]]


async def produce(log: KafkaLog, topic: Topic, first: int, count: int = 30) -> set[int]:
    await log.produce(topic, [record(n, partition=n % PARTITIONS) for n in range(first, first + count)])
    return set(range(first, first + count))


async def drain(consumer: Consumer, seen: list[int]) -> None:
    """One poll, committed."""
    for partition, records in (await consumer.poll(100, 0.2)).items():
        seen += numbers(records)
        await consumer.commit({partition: records[-1].offset + 1})


async def test_a_second_member_takes_over_a_part_and_gives_it_back(log: KafkaLog, topic: Topic) -> None:
    first = await log.consumer(topic, topic.name)
    seen: list[int] = []
    expected = await produce(log, topic, 0)
    await until(lambda: _drained(first, seen, expected))
    joining = asyncio.create_task(log.consumer(topic, topic.name))
    while not joining.done():
        await drain(first, seen)
    second = joining.result()
    await until(lambda: _polled([first, second], seen))
    assert first.assignment | second.assignment == ALL
    assert not first.assignment & second.assignment
    expected |= await produce(log, topic, 100)
    await until(lambda: _drained_by([first, second], seen, expected))
    await second.close()
    await until(lambda: _owns_all(first, seen))
    expected |= await produce(log, topic, 200)
    await until(lambda: _drained(first, seen, expected))
    assert sorted(seen) == sorted(expected)  # all of it was committed: nothing came twice
    await first.close()


async def _drained(consumer: Consumer, seen: list[int], expected: set[int]) -> bool:
    return await _drained_by([consumer], seen, expected)


async def _drained_by(consumers: list[Consumer], seen: list[int], expected: set[int]) -> bool:
    for consumer in consumers:
        await drain(consumer, seen)
    return expected <= set(seen)


async def _polled(consumers: list[Consumer], seen: list[int]) -> bool:
    await _drained_by(consumers, seen, set())
    return all(consumer.assignment for consumer in consumers) and sum(len(c.assignment) for c in consumers) == len(ALL)


async def _owns_all(consumer: Consumer, seen: list[int]) -> bool:
    await drain(consumer, seen)
    return consumer.assignment == ALL


async def test_a_member_that_dies_is_replaced_and_nothing_is_lost(
    place: KafkaPlace, log: KafkaLog, topic: Topic, tmp_path: Path
) -> None:
    expected = await produce(log, topic, 0)
    with member(place, tmp_path, "consume", topic, topic.name, name="victim") as victim:
        await until(lambda: expected <= set(taken_by(victim)))
        victim.kill()
        already = taken_by(victim)
    expected |= await produce(log, topic, 100)
    heir = await log.consumer(topic, topic.name)
    seen: list[int] = []
    await until(lambda: _drained(heir, seen, expected - set(already)))
    assert set(seen) | set(already) == expected
    await heir.close()


async def test_a_commit_for_a_partition_that_was_lost_is_fenced(log: KafkaLog, topic: Topic) -> None:
    await produce(log, topic, 0)
    first = await log.consumer(topic, topic.name)
    await take(first, 30)
    joining = asyncio.create_task(log.consumer(topic, topic.name))
    while not joining.done():
        await first.poll(10, 0.2)
    second = joining.result()
    await until(lambda: _polled([first, second], []))
    [lost, *_] = ALL - first.assignment
    with pytest.raises(FencedError):
        await first.commit({lost: 10})
    with pytest.raises(FencedError):
        first.seek(lost, 0)
    await second.close()
    await first.close()


async def test_a_member_that_froze_and_woke_is_fenced_and_takes_part_again(
    place: KafkaPlace, log: KafkaLog, topic: Topic, tmp_path: Path
) -> None:
    expected = await produce(log, topic, 0)
    with member(place, tmp_path, "consume", topic, topic.name, name="zombie") as zombie:
        await until(lambda: expected <= set(taken_by(zombie)))
        zombie.signal(SIGSTOP)
        other = await log.consumer(topic, topic.name)  # joins once the frozen one's session is over
        seen: list[int] = []
        late = await produce(log, topic, 100)
        await until(lambda: _drained(other, seen, late))
        assert other.assignment == ALL
        committed = await other.committed()
        zombie.signal(SIGCONT)
        await until(lambda: _has_left(other, seen))
        assert (await log.committed(topic, topic.name)) == committed  # the sleeper put nothing back
        more = await produce(log, topic, 200)
        await until(lambda: _shared(other, seen, zombie, more))
        assert zombie.returncode is None
        await other.close()


async def _has_left(consumer: Consumer, seen: list[int]) -> bool:
    """Whether a second member has taken its part."""
    await drain(consumer, seen)
    return 0 < len(consumer.assignment) < PARTITIONS


async def _shared(consumer: Consumer, seen: list[int], process: Process, expected: set[int]) -> bool:
    await drain(consumer, seen)
    return expected <= set(seen) | set(taken_by(process))


async def test_a_broker_that_dies_and_comes_back_loses_nothing(place: KafkaPlace, log: KafkaLog, topic: Topic) -> None:
    consumer = await log.consumer(topic, topic.name)
    seen: list[int] = []
    expected = await produce(log, topic, 0)
    await until(lambda: _drained(consumer, seen, expected))
    place.broker.kill()
    with pytest.raises(UnavailableError, match="no broker has answered"):
        await until(lambda: _drained(consumer, seen, {-1}))
    producing = asyncio.create_task(produce(log, topic, 100))
    await asyncio.sleep(0.5)
    assert not producing.done()
    await asyncio.to_thread(place.broker.start)
    expected |= await producing
    await until(lambda: _drained_despite(consumer, seen, expected), 40)
    assert set(numbers(await read_all(log, topic))) == expected
    assert len(await read_all(log, topic)) == len(expected)  # idempotent: tried again, written once
    await consumer.close()


async def _drained_despite(consumer: Consumer, seen: list[int], expected: set[int]) -> bool:
    try:
        return await _drained(consumer, seen, expected)
    except (UnavailableError, FencedError):
        return False


async def test_what_is_in_flight_at_a_revocation_may_be_finished(log: KafkaLog, topic: Topic) -> None:
    await produce(log, topic, 0)
    working = asyncio.Event()
    finished: list[set[int]] = []

    async def on_revoked(partitions: set[int]) -> None:
        await working.wait()  # the batch in flight
        await first.commit(dict.fromkeys(partitions, 10))
        finished.append(partitions)

    first = await log.consumer(topic, topic.name, on_revoked=on_revoked)
    await take(first, 30)
    joining = asyncio.create_task(log.consumer(topic, topic.name))
    await asyncio.sleep(1.5)
    assert not joining.done()  # the group waits for the batch
    working.set()
    seen: list[int] = []
    while not joining.done():
        await drain(first, seen)
    second = joining.result()
    await until(lambda: _polled([first, second], seen))
    assert finished == [ALL]
    assert seen == []  # everything had been committed in time: nothing came again
    await second.close()
    await first.close()


async def test_a_revocation_that_hangs_is_cut_off_and_its_batch_comes_again(log: KafkaLog, topic: Topic) -> None:
    expected = await produce(log, topic, 0)
    cut: list[bool] = []

    async def on_revoked(partitions: set[int]) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cut.append(True)
            raise

    first = await log.consumer(topic, topic.name, on_revoked=on_revoked)
    await take(first, 30)  # and never committed
    joining = asyncio.create_task(log.consumer(topic, topic.name))
    seen: list[int] = []
    while not joining.done():
        await drain(first, seen)
    second = joining.result()
    await until(lambda: _drained_by([first, second], seen, expected))
    assert cut == [True]
    await second.close()
    await first.close()


async def test_a_paused_partition_stays_paused_over_a_rebalance(log: KafkaLog, topic: Topic) -> None:
    first = await log.consumer(topic, topic.name)
    await first.poll(10, 0.5)
    first.pause(ALL)
    joining = asyncio.create_task(log.consumer(topic, topic.name))
    while not joining.done():
        await first.poll(10, 0.2)
    second = joining.result()
    await until(lambda: _polled([first, second], []))
    await produce(log, topic, 0)
    for _ in range(4):
        assert not await first.poll(100, 0.3)
    first.resume(ALL)
    assert set(await take(first, 10 * len(first.assignment))) == first.assignment
    await second.close()
    await first.close()


async def test_a_static_member_comes_back_without_a_rebalance(
    place: KafkaPlace, log: KafkaLog, topic: Topic, tmp_path: Path
) -> None:
    expected = await produce(log, topic, 0)
    revoked: list[set[int]] = []

    async def on_revoked(partitions: set[int]) -> None:
        revoked.append(partitions)

    stays = await log.consumer(topic, topic.name, on_revoked=on_revoked)
    seen: list[int] = []
    await drain(stays, seen)
    dies = member(place, tmp_path, "consume", topic, topic.name, "one", name="dies")
    try:
        await until(lambda: _has_left(stays, seen))
        await until(lambda: _shared(stays, seen, dies, expected))
        rebalances, kept = len(revoked), stays.assignment
        dies.kill()
        with member(place, tmp_path, "consume", topic, topic.name, "one", name="returns") as returns:
            expected |= await produce(log, topic, 100)
            await until(lambda: expected <= {*seen, *taken_by(dies), *taken_by(returns)} or _noted(stays, seen))
            assert set(taken_by(returns))
            assert (len(revoked), stays.assignment) == (rebalances, kept)
    finally:
        dies.kill()
    await stays.close()


async def _noted(consumer: Consumer, seen: list[int]) -> bool:
    await drain(consumer, seen)
    return False
