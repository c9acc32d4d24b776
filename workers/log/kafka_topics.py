"""Topics on Kafka: made from the catalogue, their settings brought up to date, their partitions counted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from schemas.errors import UnavailableError
from schemas.topics import Topic
from workers.log.kafka_client import CLOSE_SECONDS, QUERY_SECONDS, RETRY_SECONDS, bounded, retried

T = TypeVar("T")

CREATE_SECONDS = 30.0  # ours: making topics takes a small cluster a second or two
TOPIC_OVERRIDE = 1  # Kafka's config source DYNAMIC_TOPIC_CONFIG: set on the topic itself
NO_LEADER = -1


class KafkaTopics:
    """What is asked of the cluster itself. A client for each question: they are few, and a broker may have moved.

    Every question about topics is asked about all: naming one that is missing would make it, on clusters with
    `auto.create.topics.enable` (Kafka's default), with settings that are not ours.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options

    async def _ask(self, ask: Callable[[AIOKafkaAdminClient], Awaitable[T]], seconds: float, doing: str) -> T:
        client = AIOKafkaAdminClient(**self._options)
        try:
            await retried(client.start, seconds, doing)
            return await retried(lambda: ask(client), seconds, doing)
        finally:
            await bounded(client.close(), CLOSE_SECONDS, "close a client of Kafka")

    async def partitions(self, topic: Topic) -> int:
        """How many the topic has. UnavailableError while it does not exist or a partition has no leader."""

        async def ask(client: AIOKafkaAdminClient) -> int:
            return (await _counts(client)).get(topic.name, 0)

        count = await self._ask(ask, QUERY_SECONDS, f"count the partitions of {topic.name}")
        if not count:
            raise UnavailableError(f"topic {topic.name} does not exist yet; `hikeshi init` creates it")
        return count

    async def create(self, topics: Sequence[Topic]) -> list[str]:
        """Create what is missing, with the broker's default replication; bring settings up to date."""

        async def ask(client: AIOKafkaAdminClient) -> list[str]:
            there = await _counts(client)
            missing = [topic for topic in topics if topic.name not in there]
            if missing:
                await _create(client, missing)
            await _align(client, [topic for topic in topics if topic.name in there])
            return [topic.name for topic in missing]

        return await self._ask(ask, CREATE_SECONDS, "create the topics")

    async def committed(self, topic: Topic, group: str, partitions: int) -> dict[int, int]:
        """What the group committed of the topic, by partition."""
        places = [TopicPartition(topic.name, number) for number in range(partitions)]

        async def ask(client: AIOKafkaAdminClient) -> dict[int, int]:
            found = await client.list_consumer_group_offsets(group, partitions=places)
            return {place.partition: at.offset for place, at in found.items() if at.offset >= 0}

        return await self._ask(ask, QUERY_SECONDS, f"read the offsets of group {group}")


async def _counts(client: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions by topic; a topic of which one has no leader yet is not there yet."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await client.describe_topics()
        if topic["partitions"] and all(partition["leader"] != NO_LEADER for partition in topic["partitions"])
    }


async def _create(client: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    # aiokafka speaks version 3 of the request; "the broker's default" can be said only from version 4 on.
    replication = await _default_replication(client)
    new = [NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.settings) for topic in topics]
    response = await client.create_topics(new, timeout_ms=int(CREATE_SECONDS * 1000))
    for name, code, message in response.topic_errors:
        fault = errors.for_code(code)
        if fault not in (errors.NoError, errors.TopicAlreadyExistsError):  # two `init` may run at once
            raise fault(f"topic {name}: {message}")
    while not {topic.name for topic in topics} <= (await _counts(client)).keys():  # noqa: ASYNC110 - asks the cluster
        await asyncio.sleep(RETRY_SECONDS)


async def _default_replication(client: AIOKafkaAdminClient) -> int:
    cluster = await client.describe_cluster()
    broker = str(cluster["brokers"][0]["node_id"])
    name = "default.replication.factor"
    [response] = await client.describe_configs([ConfigResource(ConfigResourceType.BROKER, broker, {name: ""})])
    return int({entry[0]: entry[1] for entry in _entries(response)[broker]}[name])


async def _align(client: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Set what differs. The request replaces all of a topic's own settings: those of the cluster's owner are kept."""
    if not topics:
        return
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    [response] = await client.describe_configs(asked)
    found = _entries(response)
    changes = []
    for topic in topics:
        own = {name: value for name, value, _, source, *_ in found[topic.name] if source == TOPIC_OVERRIDE}
        if own | topic.settings != own:
            changes.append(ConfigResource(ConfigResourceType.TOPIC, topic.name, own | topic.settings))
    if not changes:
        return
    for response in await client.alter_configs(changes):
        for code, message, _, name in response.resources:
            fault = errors.for_code(code)
            if fault is not errors.NoError:
                raise fault(f"settings of topic {name}: {message}")


def _entries(response: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Config entries (name, value, read only, source, …) by topic or broker."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for code, message, _, name, entries in response.resources:
        fault = errors.for_code(code)
        if fault is not errors.NoError:
            raise fault(f"settings of {name}: {message}")
        found[name] = entries
    return found
