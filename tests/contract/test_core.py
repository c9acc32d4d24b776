"""What every log must do, whichever it is."""

import asyncio
import time

import pytest

from schemas.errors import UnavailableError
from schemas.topics import MAX_RECORD_BYTES, Topic
from tests.contract.logs import PARTITIONS, Place, nothing_more, numbers, read_all, record, take
from workers.log.contract import CorruptRecordError, Log, Outgoing, RecordTooLargeError


async def test_a_partition_keeps_its_order_over_batches_and_polls(log: Log, topic: Topic) -> None:
    for start in range(0, 300, 100):
        await log.produce(topic, [record(n, partition=n % PARTITIONS) for n in range(start, start + 100)])
    consumer = await log.consumer(topic, "order")
    taken = await take(consumer, 300, max_records=70)
    await consumer.close()
    for partition in range(PARTITIONS):
        assert numbers(taken[partition]) == list(range(partition, 300, PARTITIONS))
        offsets = [one.offset for one in taken[partition]]
        assert offsets == sorted(set(offsets))


async def test_a_record_comes_as_it_was_written(log: Log, topic: Topic) -> None:
    before = time.time() * 1000 - 1
    headers = [("traceparent", b"00-aa-bb-01"), ("empty", b"")]
    await log.produce(topic, [Outgoing(2, b"acme/1", "火消し".encode(), headers), Outgoing(2, b"acme/2", b"")])
    first, second = await read_all(log, topic)
    assert (first.topic, first.partition, first.offset) == (topic.name, 2, 0)
    assert (first.key, first.value) == (b"acme/1", "火消し".encode())
    assert list(first.headers) == headers
    assert before <= first.timestamp <= time.time() * 1000 + 1
    assert (second.value, list(second.headers)) == (b"", [])


async def test_poll_gives_no_more_than_asked_and_waits_no_longer(log: Log, topic: Topic) -> None:
    await log.produce(topic, [record(n) for n in range(10)])
    consumer = await log.consumer(topic, "bounds")
    assert numbers((await take(consumer, 3, max_records=3))[0]) == [0, 1, 2]
    await take(consumer, 7)
    began = time.monotonic()
    assert not await consumer.poll(10, 0.3)
    assert 0.25 < time.monotonic() - began < 2.0
    await consumer.close()


async def test_a_record_reaches_a_waiting_poll_at_once(log: Log, topic: Topic) -> None:
    consumer = await log.consumer(topic, "latency")
    await nothing_more(consumer)
    waiting = asyncio.create_task(consumer.poll(10, 10.0))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await log.produce(topic, [record(1)])
    assert numbers((await waiting)[0]) == [1]
    assert time.monotonic() - began < 1.0
    await consumer.close()


async def test_a_group_goes_on_where_it_committed(place: Place, log: Log, topic: Topic) -> None:
    await log.produce(topic, [record(n) for n in range(10)])
    consumer = await log.consumer(topic, "resume")
    assert await consumer.committed() == {}
    await take(consumer, 10)
    await consumer.commit({0: 4})
    assert await consumer.committed() == {0: 4}
    await consumer.close()
    assert await log.committed(topic, "resume") == {0: 4}

    other = place.open()
    again = await other.consumer(topic, "resume")
    assert numbers((await take(again, 6))[0]) == list(range(4, 10))
    await again.close()
    newcomer = await other.consumer(topic, "another")
    assert numbers((await take(newcomer, 10))[0]) == list(range(10))
    await newcomer.close()
    await other.close()


async def test_seek_reads_anew_and_ahead(log: Log, topic: Topic) -> None:
    await log.produce(topic, [record(n) for n in range(10)])
    consumer = await log.consumer(topic, "seek")
    await take(consumer, 10)
    consumer.seek(0, 7)
    assert numbers((await take(consumer, 3))[0]) == [7, 8, 9]
    consumer.seek(0, 2)
    assert numbers((await take(consumer, 8))[0]) == list(range(2, 10))
    await consumer.close()


async def test_on_assigned_runs_before_the_first_records_and_may_seek(log: Log, topic: Topic) -> None:
    await log.produce(topic, [record(n, partition=p) for n in range(5) for p in range(PARTITIONS)])
    given: list[set[int]] = []

    async def on_assigned(partitions: set[int]) -> None:
        given.append(partitions)
        for partition in partitions:
            consumer.seek(partition, 3)

    consumer = await log.consumer(topic, "assigned", on_assigned=on_assigned)
    taken = await take(consumer, 2 * PARTITIONS)
    assert given == [set(range(PARTITIONS))]
    assert consumer.assignment == set(range(PARTITIONS))
    assert {p: numbers(records) for p, records in taken.items()} == {p: [3, 4] for p in range(PARTITIONS)}
    await nothing_more(consumer)
    await consumer.close()


async def test_a_paused_partition_gives_nothing_until_it_is_resumed(log: Log, topic: Topic) -> None:
    consumer = await log.consumer(topic, "pause")
    await nothing_more(consumer)
    consumer.pause({0})
    await log.produce(topic, [record(n, partition=n % 2) for n in range(10)])
    assert list(await take(consumer, 5)) == [1]
    await nothing_more(consumer)
    consumer.resume({0})
    assert numbers((await take(consumer, 5))[0]) == [0, 2, 4, 6, 8]
    await consumer.close()


async def test_lag_counts_what_was_not_read(log: Log, topic: Topic) -> None:
    await log.produce(topic, [record(n, partition=n % 2) for n in range(10)])
    consumer = await log.consumer(topic, "lag")
    await take(consumer, 4, max_records=4)
    assert sum((await consumer.lag()).values()) == 6
    consumer.pause({0, 1, 2})
    await log.produce(topic, [record(10)])
    assert sum((await consumer.lag()).values()) == 7
    consumer.resume({0, 1, 2})
    await take(consumer, 7)
    assert set((await consumer.lag()).values()) == {0}
    await consumer.close()


async def test_a_null_value_is_a_record_too(log: Log, topic: Topic) -> None:
    await log.produce(topic, [record(1), record(2)])
    await log.produce(topic, [Outgoing(0, b"acme/1", None)])
    consumer = await log.consumer(topic, "null")
    last = (await take(consumer, 2 if place_removes_at_once(log) else 3))[0][-1]
    assert (last.key, last.value) == (b"acme/1", None)
    await consumer.close()


def place_removes_at_once(log: Log) -> bool:
    """The embedded log removes what a null value takes away at once; Kafka at its next compaction."""
    return type(log).__name__ == "EmbeddedLog"


async def test_too_large_a_record_writes_nothing_and_the_largest_passes(log: Log, topic: Topic) -> None:
    with pytest.raises(RecordTooLargeError, match="acme/2"):
        await log.produce(topic, [record(1), record(2, size=MAX_RECORD_BYTES), record(3)])
    assert await read_all(log, topic) == []
    largest = record(4, size=MAX_RECORD_BYTES - 300)
    await log.produce(topic, [record(3), largest, record(5)])
    consumer = await log.consumer(topic, "large")
    assert numbers((await take(consumer, 3))[0]) == [3, 4, 5]
    await consumer.close()


async def test_a_damaged_record_is_named_and_hides_no_other(place: Place, log: Log, topic: Topic) -> None:
    for number in range(9):  # one batch each, as Kafka's checksum covers a batch
        await log.produce(topic, [record(number, partition=number % PARTITIONS, size=50)])
    await place.damage(topic, 1, record(4, size=50).value or b"")
    consumer = await log.consumer(topic, "damage")
    taken: dict[int, list[int]] = {}

    async def poll_until(count: int) -> None:
        async with asyncio.timeout(20):
            while sum(map(len, taken.values())) < count:
                for partition, records in (await consumer.poll(100, 0.5)).items():
                    taken.setdefault(partition, []).extend(numbers(records))

    with pytest.raises(CorruptRecordError) as caught:
        await poll_until(9)
    fault = caught.value
    assert (fault.topic, fault.partition, fault.offset, fault.next_offset) == (topic.name, 1, 1, 2)
    assert taken.get(1) == [1]
    with pytest.raises(CorruptRecordError):  # nothing goes on over it by itself
        await poll_until(9)
    consumer.seek(fault.partition, fault.next_offset)
    await poll_until(8)
    assert taken == {0: [0, 3, 6], 1: [1, 7], 2: [2, 5, 8]}
    await consumer.close()
    with pytest.raises(CorruptRecordError):
        await read_all(log, topic)


async def test_what_retention_took_is_skipped_and_its_offsets_never_come_again(place: Place, log: Log) -> None:
    topic = place.topic(short_lived=True)
    await log.create_topics([topic])
    await log.produce(topic, [record(n) for n in range(5)])
    consumer = await log.consumer(topic, "retention")
    await take(consumer, 5)
    await asyncio.sleep(1.2)  # older than the topic keeps records
    await log.produce(topic, [record(5)])  # Kafka starts a new segment with it; only whole old ones go
    async with asyncio.timeout(30):
        while (await log.offsets(topic))[0][0] < 5:
            if place_removes_at_once(log):
                await log.maintain()  # type: ignore[attr-defined]  # by itself it runs each 15 s
            await asyncio.sleep(0.2)
    await log.produce(topic, [record(6)])
    consumer.seek(0, 1)
    found = (await take(consumer, 1))[0]
    assert min(one.offset for one in found) >= 5
    assert min(numbers(found)) >= 5
    assert (await log.offsets(topic))[0][1] == 7
    await consumer.close()


async def test_read_ends_at_the_end_it_found(log: Log, topic: Topic) -> None:
    assert await read_all(log, topic) == []
    await log.produce(topic, [record(n, partition=n % PARTITIONS) for n in range(30)])
    found: list[int] = []
    async for records in log.read(topic, {0: 8, 1: 10}):
        found += numbers(records)
        await log.produce(topic, [record(99, partition=n) for n in range(PARTITIONS)])
    assert sorted(found) == sorted([24, 27, *range(2, 30, 3)])
    assert max(end for _, end in (await log.offsets(topic)).values()) > 10


async def test_topics_are_made_once_and_a_missing_one_is_waited_for(place: Place, log: Log) -> None:
    topic = place.topic()
    for attempt in (log.partitions(topic), log.produce(topic, [record(1)]), log.consumer(topic, "early")):
        with pytest.raises(UnavailableError, match="does not exist yet"):
            await attempt
    with pytest.raises(UnavailableError, match="does not exist yet"):  # nor did asking make it
        await log.offsets(topic)
    assert await log.create_topics([topic]) == [topic.name]
    assert await log.create_topics([topic]) == []
    assert await log.partitions(topic) == PARTITIONS
    assert await log.offsets(topic) == dict.fromkeys(range(PARTITIONS), (0, 0))


async def test_another_client_of_the_log_is_noticed(place: Place, log: Log, topic: Topic) -> None:
    """The command line's `purge` writes beside a running program."""
    consumer = await log.consumer(topic, "beside")
    await nothing_more(consumer)
    other = place.open()
    waiting = asyncio.create_task(consumer.poll(10, 10.0))
    await asyncio.sleep(0.1)
    await other.produce(topic, [record(1)])
    async with asyncio.timeout(1.0):
        assert numbers((await waiting)[0]) == [1]
    await log.produce(topic, [record(2)])
    assert [one.offset for one in await read_all(other, topic)] == [0, 1]
    await other.close()
    await consumer.close()
