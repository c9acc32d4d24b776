"""What was seen: bounded, read back from the topic, removed posts for ever."""

import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from schemas.topics import ALL, MENTIONS
from workers.log.contract import CorruptRecordError, Outgoing
from workers.log.embedded import EmbeddedLog
from workers.stream.seen import REMOVED, Seen, merge, rebuild


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    milliseconds = count(1_700_000_000_000)
    log = EmbeddedLog(tmp_path, partitions=3, now_ms=lambda: next(milliseconds))
    await log.create_topics(ALL)
    yield log
    await log.close()


def record(key: str, revision: int | None, partition: int = 0) -> Outgoing:
    value = None if revision is None else json.dumps({"text": "x", "revision": revision}).encode()
    return Outgoing(partition, key.encode(), value)


def test_merge_keeps_each_brands_newest_revision() -> None:
    assert merge((), "a", 0) == (("a", 0),)
    assert merge((("b", 1),), "a", 0) == (("a", 0), ("b", 1))
    assert merge((("a", 2),), "a", 1) == (("a", 2),)
    assert merge((("a", 2),), "a", 3) == (("a", 3),)


def test_at_least_the_last_posts_are_kept_and_at_most_a_quarter_more() -> None:
    seen = Seen(1_000)
    for number in range(10_000):
        seen.put(str(number), (("a", 0),))
        assert len(seen) <= 1_250
    assert all(seen.get(str(number)) for number in range(9_000, 10_000))
    assert not seen.get("8700")


def test_a_post_that_is_noted_again_is_new_again() -> None:
    seen = Seen(8)
    seen.put("old", (("a", 0),))
    for number in range(6):
        seen.put(str(number), (("a", 0),))
    seen.put("old", (("a", 1),))
    for number in range(6, 13):
        seen.put(str(number), (("a", 0),))
    assert seen.get("old") == (("a", 1),)


async def test_it_is_read_back_from_the_topic(log: EmbeddedLog) -> None:
    first = [record("a/1", 0), record("a/2", 0, 1), record("b/1", 2), record("a/3", 0, 2), record("a/4", 1)]
    await log.produce(MENTIONS, first)
    await log.produce(MENTIONS, [record("a/3", None, 2), record("a/4", 0), Outgoing(0, b"a/9", b"no mention")])
    seen = await rebuild(log, MENTIONS)
    assert seen.get("1") == (("a", 0), ("b", 2))
    assert seen.get("2") == (("a", 0),)
    assert seen.get("3") == (("a", REMOVED),)
    assert seen.get("4") == (("a", 1),)
    assert seen.get("9") == (("a", 0),)
    assert seen.get("5") == ()


async def test_of_a_long_topic_the_last_posts_are_read(log: EmbeddedLog) -> None:
    for start in range(0, 9_000, 30):
        await log.produce(MENTIONS, [record(f"a/{n}", 0, n % 3) for n in range(start, start + 30)])
    seen = await rebuild(log, MENTIONS, 300)
    assert all(seen.get(str(n)) for n in range(8_700, 9_000))
    assert len(seen) <= 400
    # One post again and again: its partition's window holds few posts, so more of the topic is read.
    await log.produce(MENTIONS, [record("a/x", 0, n % 3) for n in range(6_000)])
    seen = await rebuild(log, MENTIONS, 300)
    assert len(seen) >= 300


class Damaged:
    """The log with a damaged record: reading fails there, once."""

    def __init__(self, log: EmbeddedLog) -> None:
        self._log, self._told = log, False
        self.offsets = log.offsets

    async def read(self, topic, start):  # type: ignore[no-untyped-def]
        async for records in self._log.read(topic, start):
            if self._told:
                yield records
                continue
            yield records[:1]
            self._told = True
            raise CorruptRecordError(topic.name, 0, 1, 2)


async def test_a_damaged_record_is_passed_over(log: EmbeddedLog) -> None:
    await log.produce(MENTIONS, [record("a/1", 0), record("a/2", 0), record("a/3", 0), record("a/4", 0, 1)])
    seen = await rebuild(Damaged(log), MENTIONS)  # type: ignore[arg-type]
    assert [bool(seen.get(n)) for n in "1234"] == [True, False, True, True]
