"""Writing to Kafka: idempotent, acknowledged by all in-sync replicas, in whole batches."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.errors import UnavailableError
from schemas.topics import MAX_RECORD_BYTES
from workers.log.contract import Outgoing
from workers.log.kafka_client import (
    CLIENT_ERRORS,
    CLOSE_SECONDS,
    PRODUCE_SECONDS,
    QUERY_SECONDS,
    bounded,
    stop_client,
    translate,
)
from workers.log.record_size import record_bytes, too_large

_SUSPECT_BYTES = MAX_RECORD_BYTES // 2  # smaller records need no exact count
BATCH_BYTES = 512 * 1024  # ours; a topic's max.message.bytes (4 MiB) holds for a whole batch


class KafkaProducer:
    """One aiokafka producer, made at the first use and made anew after a fault it can't recover from."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def send(self, topic: str, partitions: int, records: Sequence[Outgoing]) -> None:
        """Write them to the topic of so many partitions; returns when all are acknowledged. One deadline over all."""
        end = asyncio.get_running_loop().time() + PRODUCE_SECONDS
        producer = await self._started()
        batches = _batches(producer, topic, partitions, records)
        acknowledgements: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout_at(end):
                for partition, builder in batches:
                    acknowledgements.append(await producer.send_batch(builder, topic, partition=partition))
                await asyncio.gather(*acknowledgements)
        except TimeoutError as error:
            # The client holds these batches, with their sequence numbers, and goes on trying: what is produced next
            # queues behind them, so a partition's order holds.
            raise translate(error, f"write to {topic}") from error
        except CLIENT_ERRORS as error:
            # A batch that failed for good leaves a gap in its partition's sequence numbers: the broker would refuse
            # all that follow. Only a producer with a new identity can go on.
            self._discard(producer)
            raise translate(error, f"write to {topic}") from error
        finally:
            for future in acknowledgements:
                future.add_done_callback(_look_at)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._closed:
                raise UnavailableError("the log is closed")
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._options, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
                )
                try:
                    await bounded(producer.start(), QUERY_SECONDS, "connect to Kafka")
                except BaseException:
                    self._discard(producer)
                    raise
                self._producer = producer
            return self._producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
        task = asyncio.get_running_loop().create_task(_stop(producer))
        self._leaving.add(task)  # a task that nobody holds may be collected before it is done
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Deliver what is pending and disconnect; bounded, never raises."""
        self._closed = True
        if self._producer is not None:
            self._discard(self._producer)
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=CLOSE_SECONDS + 1)


def _batches(
    producer: AIOKafkaProducer, topic: str, partitions: int, records: Sequence[Outgoing]
) -> list[tuple[int, Any]]:
    """The records as batches, each partition's in their order. RecordTooLargeError names what no broker takes."""
    now = time.time_ns() // 1_000_000
    filling: dict[int, Any] = {}
    batches: list[tuple[int, Any]] = []
    for record in records:
        partition, key, value, headers = record
        listed = list(headers)  # aiokafka takes nothing else
        builder = filling.get(partition)
        added = builder and builder.append(timestamp=now, key=key, value=value, headers=listed)
        if added is None:
            # There is no batch, or it is full and closed by that; the first record of a batch always fits.
            if partition >= partitions:
                raise UnavailableError(f"{topic} has only {partitions} partitions as far as this process knows")
            builder = filling[partition] = producer.create_batch()
            batches.append((partition, builder))
            added = builder.append(timestamp=now, key=key, value=value, headers=listed)
        if added.size > _SUSPECT_BYTES and record_bytes(record) > MAX_RECORD_BYTES:
            raise too_large(topic, record)
    for builder in filling.values():
        builder.close()
    return batches


def _look_at(future: "asyncio.Future[Any]") -> None:
    """An acknowledgement that nobody waits for any more may still fail: no warning for it."""
    if not future.cancelled():
        future.exception()


async def _stop(producer: AIOKafkaProducer) -> None:
    await stop_client(producer.stop(), producer.client)
