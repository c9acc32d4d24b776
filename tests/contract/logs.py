"""Both logs behind one small face, so that one suite holds them to one contract."""

import asyncio
import itertools
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.settings import KafkaSettings
from schemas.topics import Topic
from tests.support.kafka import KafkaBroker
from workers.log.contract import Consumer, Log, Outgoing, Record
from workers.log.embedded import FILE_NAME, EmbeddedLog
from workers.log.kafka import KafkaLog

PARTITIONS = 3
WAIT_SECONDS = 20.0

_numbers = itertools.count(1)


class ShortLivedTopic(Topic, frozen=True):
    """A topic that forgets within seconds, for the tests of retention."""

    @property
    def settings(self) -> dict[str, str]:
        return super().settings | {
            "cleanup.policy": "delete",
            "retention.ms": "1000",
            "segment.ms": "500",
            "file.delete.delay.ms": "0",
        }


class Place(ABC):
    """Where a log lies: `open` gives one more client of it, as another process would have."""

    name: str

    @abstractmethod
    def open(self) -> Log: ...

    @abstractmethod
    def arguments(self) -> list[str]:
        """How `tests.contract.member`, in a process of its own, finds it."""

    @abstractmethod
    async def damage(self, topic: Topic, partition: int, value: bytes) -> None:
        """Change one byte of this value where it lies on the disk."""

    def topic(self, *, short_lived: bool = False) -> Topic:
        """A topic's name that no other test uses."""
        kind = ShortLivedTopic if short_lived else Topic
        return kind(f"contract-{next(_numbers)}", PARTITIONS)


class EmbeddedPlace(Place):
    name = "embedded"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> EmbeddedLog:
        return EmbeddedLog(self.folder, partitions=None)

    def arguments(self) -> list[str]:
        return ["embedded", str(self.folder)]

    async def damage(self, topic: Topic, partition: int, value: bytes) -> None:
        database = sqlite3.connect(self.folder / FILE_NAME)
        wrong = bytes([value[0] ^ 1]) + value[1:]
        changed = database.execute("UPDATE records SET value=? WHERE value=?", (wrong, value)).rowcount
        database.commit()
        database.close()
        assert changed == 1


class KafkaPlace(Place):
    name = "kafka"

    def __init__(self, broker: KafkaBroker) -> None:
        self.broker = broker

    def settings(self, instance: str | None = None) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.broker.bootstrap_servers, instance=instance)

    def open(self, instance: str | None = None, *, session_seconds: float = 3.0) -> KafkaLog:
        return KafkaLog(self.settings(instance), session_seconds=session_seconds)

    def arguments(self) -> list[str]:
        return ["kafka", self.broker.bootstrap_servers]

    async def damage(self, topic: Topic, partition: int, value: bytes) -> None:
        [segment] = (self.broker.data / f"{topic.name}-{partition}").glob("*.log")
        at = segment.read_bytes().find(value)
        assert at >= 0
        with segment.open("r+b") as file:
            file.seek(at)
            file.write(bytes([value[0] ^ 1]))


def record(number: int, *, partition: int = 0, key: bytes | None = None, size: int = 0) -> Outgoing:
    """A record that says its number."""
    return Outgoing(partition, key or b"acme/%d" % number, b"%08d" % number + b"x" * size)


def numbers(records: Sequence[Record]) -> list[int]:
    """The numbers that records of `record` say."""
    return [int(one.value[:8]) for one in records if one.value is not None]


async def take(consumer: Consumer, count: int, *, max_records: int = 500) -> dict[int, list[Record]]:
    """Poll until so many records came, or fail after a while."""
    taken: dict[int, list[Record]] = {}
    async with asyncio.timeout(WAIT_SECONDS):
        while sum(map(len, taken.values())) < count:
            for partition, records in (await consumer.poll(max_records, 0.5)).items():
                taken.setdefault(partition, []).extend(records)
    return taken


async def nothing_more(consumer: Consumer, seconds: float = 0.7) -> None:
    """Nothing comes for a while."""
    found: Mapping[int, Sequence[Record]] = await consumer.poll(10, seconds)
    assert not found


async def read_all(log: Log, topic: Topic, start: Mapping[int, int] | None = None) -> list[Record]:
    """Everything that is on the topic now."""
    return [one async for records in log.read(topic, start or {}) for one in records]
