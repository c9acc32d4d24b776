"""What the log on Kafka does beyond the contract, on a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from config.settings import KafkaSettings
from schemas.errors import StopError, UnavailableError
from schemas.topics import Topic
from tests.support.kafka import KafkaBroker
from workers.log.contract import Outgoing, Record
from workers.log.kafka import KafkaLog

pytestmark = pytest.mark.kafka


class SmallTopic(Topic, frozen=True):
    """Its broker takes less than we think."""

    @property
    def settings(self) -> dict[str, str]:
        return super().settings | {"max.message.bytes": "10000"}


@pytest.fixture
async def log(kafka: KafkaBroker) -> AsyncIterator[KafkaLog]:
    opened = KafkaLog(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers), session_seconds=2.0)
    yield opened
    await opened.close()


@pytest.fixture
def topic(kafka: KafkaBroker) -> Topic:
    return Topic(kafka.fresh_name("kafka-log"), 2)


async def read(log: KafkaLog, topic: Topic) -> list[Record]:
    return [record async for records in log.read(topic, {}) for record in records]


async def configs(kafka: KafkaBroker, topic: Topic) -> dict[str, str]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await client.start()
    [response] = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name)])
    await client.close()
    return {name: value for name, value, *_ in response.resources[0][4]}


async def set_config(kafka: KafkaBroker, topic: Topic, values: dict[str, str]) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await client.start()
    await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, values)])
    await client.close()


async def test_settings_are_brought_up_to_date_and_the_owners_own_are_kept(
    kafka: KafkaBroker, log: KafkaLog, topic: Topic
) -> None:
    await log.create_topics([topic])
    assert topic.settings.items() <= (await configs(kafka, topic)).items()
    await set_config(kafka, topic, {"retention.ms": "1000", "min.insync.replicas": "1", "segment.bytes": "2000000"})
    assert (await configs(kafka, topic))["retention.ms"] == "1000"
    assert await log.create_topics([topic]) == []
    found = await configs(kafka, topic)
    assert topic.settings.items() <= found.items()
    assert found["segment.bytes"] == "2000000"


async def test_a_batch_that_the_broker_refuses_stops_loudly_and_the_next_goes_through(
    kafka: KafkaBroker, log: KafkaLog, topic: Topic
) -> None:
    """A refused batch leaves a gap in the producer's sequence numbers: it must not end all writing."""
    small = SmallTopic(topic.name, 2)
    await log.create_topics([small])
    await log.produce(small, [Outgoing(0, b"k/1", b"1")])
    with pytest.raises(StopError, match=r"max\.message\.bytes"):
        await log.produce(small, [Outgoing(0, b"k/2", b"x" * 20_000)])
    for number in range(3, 6):
        await log.produce(small, [Outgoing(0, b"k/%d" % number, b"v")])
    assert [one.key for one in await read(log, small)] == [b"k/1", b"k/3", b"k/4", b"k/5"]


async def test_more_than_a_batch_keeps_its_order(log: KafkaLog, topic: Topic) -> None:
    await log.create_topics([topic])
    records = [Outgoing(n % 2, b"k/%d" % n, b"x" * 300_000) for n in range(20)]
    await asyncio.gather(log.produce(topic, records), log.produce(topic, [Outgoing(0, b"k/99", b"small")]))
    found = [int((one.key or b"").split(b"/")[1]) for one in await read(log, topic)]
    assert [n for n in found if n % 2 == 0] == list(range(0, 20, 2))
    assert [n for n in found if n % 2 == 1 and n != 99] == list(range(1, 20, 2))
    assert len(found) == 21


def _break_coordinator(client: Any) -> None:
    """Its coordinating task fails: every `getmany` raises from then on."""
    client._coordinator.ensure_coordinator_known = None
    client._coordinator.coordinator_dead()


def _break_fetcher(client: Any) -> None:
    """Its fetching task fails: `getmany` finds nothing from then on, and says nothing."""
    client._fetcher._get_actions_per_node = None


@pytest.mark.parametrize("damage", [_break_coordinator, _break_fetcher])
async def test_a_member_whose_client_broke_is_made_anew(
    log: KafkaLog, topic: Topic, damage: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.log.kafka_consumer.SILENT_SECONDS", 1.0)
    monkeypatch.setattr("workers.log.kafka_consumer.RENEW_SECONDS", 1.5)
    await log.create_topics([topic])
    revoked: list[set[int]] = []

    async def on_revoked(partitions: set[int]) -> None:
        revoked.append(partitions)

    consumer = await log.consumer(topic, topic.name, on_revoked=on_revoked)
    await consumer.poll(10, 0.7)
    damage(consumer._consumer)
    await asyncio.sleep(1.0)  # a fetch that is under way may still answer
    await log.produce(topic, [Outgoing(0, b"k/1", b"1")])
    found: list[Record] = []
    complaints = 0
    async with asyncio.timeout(20):
        while not found:
            try:
                polled = await consumer.poll(10, 0.3)
            except UnavailableError:
                complaints += 1
                await asyncio.sleep(0.1)
                continue
            found += [one for records in polled.values() for one in records]
    assert [one.key for one in found] == [b"k/1"]
    assert complaints
    assert revoked == [{0, 1}]
    await consumer.close()
