"""The log in production: a Kafka cluster, through aiokafka."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from config.settings import KafkaSettings
from schemas.errors import UnavailableError
from schemas.topics import Topic
from workers.log.contract import Outgoing, PartitionsChanged, Record
from workers.log.kafka_client import (
    CLIENT_ERRORS,
    HEARTBEATS_PER_SESSION,
    QUERY_SECONDS,
    REBALANCE_SECONDS,
    SESSION_SECONDS,
    bounded,
    options,
    stop_client,
    translate,
)
from workers.log.kafka_consumer import SILENT_SECONDS, KafkaConsumer
from workers.log.kafka_fetch import FETCH_WAIT_MS, Fetch
from workers.log.kafka_producer import KafkaProducer
from workers.log.kafka_topics import KafkaTopics

# Ours: memory of what is fetched ahead is partitions × this (24 MiB by the catalogue). A larger record comes alone.
PARTITION_FETCH_BYTES = 2 * 1024 * 1024
READ_RECORDS = 2_000  # ours: a batch of `read`


class KafkaLog:
    """One object serves the process; see `workers.log.contract.Log`. Nothing is connected before its first use."""

    def __init__(self, settings: KafkaSettings, *, session_seconds: float = SESSION_SECONDS) -> None:
        """`session_seconds`: after this long without a sign of life a group member is replaced."""
        self._options = options(settings)
        self._instance = settings.instance
        self._session_seconds = session_seconds
        self._topics = KafkaTopics(self._options)
        self._producer = KafkaProducer(self._options)
        self._known: dict[str, int] = {}
        self._asking = asyncio.Lock()
        self._inspector: AIOKafkaConsumer | None = None  # asks for offsets; made anew after any fault

    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        return await self._topics.create(topics)

    async def partitions(self, topic: Topic) -> int:
        count = await self._topics.partitions(topic)
        self._known[topic.name] = count
        return count

    async def produce(self, topic: Topic, records: Sequence[Outgoing]) -> None:
        if not records:
            return
        count = self._known.get(topic.name) or await self.partitions(topic)
        await self._producer.send(topic.name, count, records)

    async def consumer(
        self,
        topic: Topic,
        group: str,
        *,
        on_assigned: PartitionsChanged | None = None,
        on_revoked: PartitionsChanged | None = None,
    ) -> KafkaConsumer:
        await self.partitions(topic)  # see `KafkaTopics`: joining asks for the topic by name
        session_ms = int(self._session_seconds * 1000)

        def make() -> AIOKafkaConsumer:
            return self._consumer(
                group_id=group,
                group_instance_id=f"{self._instance}-{group}" if self._instance else None,
                session_timeout_ms=session_ms,
                heartbeat_interval_ms=session_ms // HEARTBEATS_PER_SESSION,
                rebalance_timeout_ms=int(REBALANCE_SECONDS * 1000),
            )

        member = KafkaConsumer(make, topic.name, group, on_assigned, on_revoked)
        await member.join()
        return member

    def _consumer(self, **more: object) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._options,
            **more,
            auto_offset_reset="earliest",  # aiokafka's defaults, latest and auto-commit, lose records
            enable_auto_commit=False,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )

    async def offsets(self, topic: Topic) -> dict[int, tuple[int, int]]:
        places = await self._places(topic)
        async with self._asking:
            if self._inspector is None:
                self._inspector = self._consumer()
            try:
                return await self._offsets(self._inspector, places)
            except BaseException:
                await self._drop_inspector()
                raise

    async def _drop_inspector(self) -> None:
        inspector, self._inspector = self._inspector, None
        if inspector is not None:
            await stop_client(inspector.stop(), inspector._client)

    async def _places(self, topic: Topic) -> list[TopicPartition]:
        return [TopicPartition(topic.name, number) for number in range(await self.partitions(topic))]

    async def _offsets(self, consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> dict[int, tuple[int, int]]:
        """Asked through a consumer without a group, which is started at its first question."""

        async def ask() -> dict[int, tuple[int, int]]:
            if consumer._fetcher is None:
                await consumer.start()
            first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
            return {place.partition: (first[place], end[place]) for place in places}

        return await bounded(ask(), QUERY_SECONDS, "read the first and last offsets")

    async def committed(self, topic: Topic, group: str) -> dict[int, int]:
        return await self._topics.committed(topic, group, await self.partitions(topic))

    async def read(self, topic: Topic, start: Mapping[int, int]) -> AsyncIterator[Sequence[Record]]:
        places = await self._places(topic)
        consumer = self._consumer()
        fetch = Fetch(consumer, topic.name)
        try:
            ends: dict[TopicPartition, int] = {}
            for partition, (first, end) in (await self._offsets(consumer, places)).items():
                if max(first, start.get(partition, 0)) < end:
                    ends[TopicPartition(topic.name, partition)] = end
            consumer.assign(list(ends))
            for place in ends:
                fetch.seek(place.partition, start.get(place.partition, 0))
            loop = asyncio.get_running_loop()
            moved_at = loop.time()
            while ends:
                try:
                    found = await fetch.poll(READ_RECORDS, 1.0)
                    for records in _before_ends(found, ends):
                        yield records
                    if await self._drop_finished(consumer, ends) or found:
                        moved_at = loop.time()
                except CLIENT_ERRORS as error:
                    raise translate(error, f"read {topic.name}") from error
                if loop.time() - moved_at > 2 * SILENT_SECONDS:
                    raise UnavailableError(f"read {topic.name}: no broker has answered for {2 * SILENT_SECONDS:.0f} s")
        finally:
            await stop_client(consumer.stop(), consumer._client)

    async def _drop_finished(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
        """Stop reading partitions whose end was reached; by position, since compaction may have taken the last."""
        finished = [
            place
            for place, end in ends.items()
            if await bounded(consumer.position(place), QUERY_SECONDS, "read the position") >= end
        ]
        for place in finished:
            del ends[place]
            consumer.pause(place)
        return bool(finished)

    async def close(self) -> None:
        await asyncio.gather(self._producer.close(), self._drop_inspector())


def _before_ends(found: Mapping[int, Sequence[Record]], ends: Mapping[TopicPartition, int]) -> list[Sequence[Record]]:
    """What was found, without what came after the end offsets were taken."""
    limit = {place.partition: end for place, end in ends.items()}
    kept = [[r for r in records if r.offset < limit.get(partition, 0)] for partition, records in found.items()]
    return [records for records in kept if records]
