"""Reading from Kafka through one aiokafka consumer, so that a damaged record neither hides others nor is passed over.

aiokafka raises at a batch with a wrong checksum, after it has advanced the positions of partitions whose records it
was about to return: these would be lost. So positions are kept here, and put back before anything is said.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, errors
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord, TopicPartition

from workers.log.contract import CorruptRecordError, Record
from workers.log.kafka_client import QUERY_SECONDS, bounded, retried

INSPECT_BYTES = 1024 * 1024  # ours: what is looked at behind a damaged batch; a broker sends at least one batch whole
FETCH_WAIT_MS = 500
# Ours: beyond the poll's own time-out. While the group rebalances, aiokafka waits for it however long that takes.
POLL_GRACE_SECONDS = 0.05


class Damage(NamedTuple):
    """What lies at a place: whole records up to a damaged batch, and that batch's first and next offset, if any."""

    whole: list[ConsumerRecord]
    first: int | None
    next: int | None


class Fetch:
    """Polls of the partitions that the aiokafka consumer is assigned, of one topic."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        self._consumer, self._topic = consumer, topic
        self._positions: dict[int, int] = {}

    async def poll(self, max_records: int, timeout_seconds: float) -> dict[int, Sequence[Record]]:
        """The next records by partition; empty after the time-out. CorruptRecordError where a damaged one is next."""
        try:
            async with asyncio.timeout(timeout_seconds + POLL_GRACE_SECONDS):
                found = await self._consumer.getmany(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
        except TimeoutError:
            return {}
        except errors.CorruptRecordException:
            return await self._around_damage(max_records)
        for place, records in found.items():
            self._positions[place.partition] = records[-1].offset + 1
        return {place.partition: records for place, records in found.items()}

    def seek(self, partition: int, offset: int) -> None:
        """The next poll of this partition starts here."""
        self._consumer.seek(TopicPartition(self._topic, partition), offset)
        self._positions[partition] = offset

    def forget(self) -> None:
        """The partitions were given anew: each starts where its group committed, or at the beginning."""
        self._positions.clear()

    async def _around_damage(self, max_records: int) -> dict[int, Sequence[Record]]:
        """Put every partition back to where its reader stands, then find the damaged batch and what is before it."""
        for place in self._consumer.assignment():
            self._consumer.seek(place, await self._position(place))
        for place in self._consumer.assignment():
            start = await self._position(place)
            damage = await self._inspect(place, start)
            if damage.first is None or damage.next is None:
                continue
            if damage.whole:
                records = damage.whole[:max_records]
                self.seek(place.partition, records[-1].offset + 1)
                return {place.partition: records}
            raise CorruptRecordError(self._topic, place.partition, max(start, damage.first), damage.next)
        return {}  # it was damaged on its way here, not at rest: the next poll fetches it again

    async def _position(self, place: TopicPartition) -> int:
        known = self._positions.get(place.partition)
        if known is not None:
            return known
        committed = None
        if self._consumer._group_id is not None:
            committed = await bounded(self._consumer.committed(place), QUERY_SECONDS, "read the committed offset")
        if committed is None:
            beginning = await bounded(self._consumer.beginning_offsets([place]), QUERY_SECONDS, "read the first offset")
            committed = beginning[place]
        self._positions[place.partition] = int(committed)
        return int(committed)

    async def _inspect(self, place: TopicPartition, start: int) -> Damage:
        """Fetch what lies at `start` once more and check it batch by batch."""
        client = self._consumer._client

        async def ask() -> bytes:
            request = FetchRequest(
                FETCH_WAIT_MS,
                1,
                INSPECT_BYTES,
                0,
                [(place.topic, [(place.partition, start, INSPECT_BYTES)])],
                rack_id="",
            )
            leader = client.cluster.leader_for_partition(place)
            response = await client.send(leader, request)
            [(_, [(_, code, _, *data)])] = response.topics
            fault = errors.for_code(code)
            if fault is not errors.NoError:
                raise fault
            return bytes(data[-1] or b"")

        return _examine(place, start, await retried(ask, QUERY_SECONDS, f"read {place.topic}"))


def _examine(place: TopicPartition, start: int, data: bytes) -> Damage:
    whole: list[ConsumerRecord] = []
    records = MemoryRecords(data)
    while records.has_next():
        batch: Any = records.next_batch()
        if not batch.validate_crc():
            return Damage(whole, batch.base_offset, batch.next_offset)
        if not batch.is_control_batch:
            whole.extend(_record(place, record) for record in batch if record.offset >= start)
    return Damage(whole, None, None)


def _record(place: TopicPartition, record: Any) -> ConsumerRecord:
    return ConsumerRecord(
        topic=place.topic,
        partition=place.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        timestamp_type=record.timestamp_type,
        key=record.key,
        value=record.value,
        checksum=record.checksum,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=tuple(record.headers),
    )
