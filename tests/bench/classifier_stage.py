"""The classifier stage on real Kafka beside the bare loop of the design: python -m tests.bench.classifier_stage."""

import asyncio
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from config.settings import KafkaSettings
from schemas.mention import Mention
from schemas.topics import MARKS, MENTIONS, Topic
from tests.bench.posts import outgoing
from tests.bench.stage_parts import Measure, Meter, run_stage, table
from tests.support.kafka import KafkaBroker
from workers.cli.house import run_async
from workers.log.kafka import KafkaLog

COUNT = 300_000
ROUNDS = 3
PARTITIONS = 4  # the design's
POLL_RECORDS = 2_000


async def bare_loop(servers: str, group: str, topic: str, *, codec: bool) -> Measure:
    """Poll, decode and encode, `create_batch`, wait for the acknowledgements, commit: nothing else."""
    decode, encode = msgspec.json.Decoder(Mention).decode, msgspec.json.Encoder().encode
    consumer = AIOKafkaConsumer(
        MENTIONS.name,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=True, max_batch_size=1024 * 1024
    )
    await producer.start()
    await consumer.start()
    handled = 0
    meter: Meter | None = None
    while handled < COUNT:
        found = await consumer.getmany(timeout_ms=1000, max_records=POLL_RECORDS)
        meter = meter or Meter(sum(map(len, found.values())))
        pending, offsets = [], {}
        for place, records in found.items():
            batch = producer.create_batch()
            for record in records:
                value = encode(decode(record.value)) if codec else record.value
                assert batch.append(timestamp=None, key=record.key, value=value, headers=[]) is not None
            pending.append(await producer.send_batch(batch, topic, partition=place.partition))
            offsets[TopicPartition(place.topic, place.partition)] = records[-1].offset + 1
            handled += len(records)
        await asyncio.gather(*pending)
        if offsets:
            await consumer.commit(offsets)
    assert meter is not None
    measure = meter.measure(COUNT)
    await consumer.stop()
    await producer.stop()
    return measure


async def measure(broker: KafkaBroker) -> str:
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    log = KafkaLog(settings)
    copies = Topic("bench-copies", PARTITIONS)
    topics = [Topic(topic.name, PARTITIONS) for topic in (MENTIONS, MARKS)]
    await log.create_topics([*topics, copies, MENTIONS.dead_letters])
    for first in range(0, COUNT, 5_000):
        await log.produce(MENTIONS, outgoing(first, 5_000, PARTITIONS))
    rows: dict[str, list[Measure]] = {"bare loop, msgspec + create_batch": [], "bare loop, bytes": [], "stage": []}
    servers = broker.bootstrap_servers
    for number in range(ROUNDS):
        codec, plain, stage = rows.values()
        codec.append(await bare_loop(servers, f"codec-{number}", copies.name, codec=True))
        plain.append(await bare_loop(servers, f"plain-{number}", copies.name, codec=False))
        grouped = _Regrouped(settings, f"stage-{number}")
        stage.append(await run_stage(grouped, COUNT))
        await grouped.close()
    await log.close()
    return table(rows, f"messages/s, {PARTITIONS} partitions, Kafka and client on the same cores")


class _Regrouped(KafkaLog):
    """Reads everything again in each round: a group of its own."""

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        super().__init__(settings)
        self._group = group

    async def consumer(self, topic: Topic, group: str, **callbacks: Any) -> Any:
        return await super().consumer(topic, self._group, **callbacks)


def main() -> None:
    broker = KafkaBroker()
    try:
        broker.start()
        print(run_async(measure(broker)))
    finally:
        broker.remove()


if __name__ == "__main__":
    main()
