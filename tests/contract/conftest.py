"""The logs that the contract suite runs against."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas.topics import Topic
from tests.contract.logs import EmbeddedPlace, KafkaPlace, Place
from tests.support.kafka import KafkaBroker
from workers.log.contract import Log


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Both logs, one after the other."""
    if request.param == "embedded":
        return EmbeddedPlace(tmp_path)
    return KafkaPlace(request.getfixturevalue("kafka"))


@pytest.fixture
def kafka_place(kafka: KafkaBroker) -> KafkaPlace:
    """Kafka alone. Mark the test `kafka`."""
    return KafkaPlace(kafka)


@pytest.fixture
async def log(place: Place) -> AsyncIterator[Log]:
    """One client of the log."""
    opened = place.open()
    yield opened
    await opened.close()


@pytest.fixture
async def topic(place: Place, log: Log) -> Topic:
    """A topic of three partitions for this test alone."""
    fresh = place.topic()
    await log.create_topics([fresh])
    return fresh
