"""Which posts were seen, in which revision and for which brands: in memory, rebuilt from the topic at start."""

import asyncio
from array import array
from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from schemas.mention import split_key
from schemas.topics import Topic
from workers.log.contract import CorruptRecordError, Log, Record
from workers.runtime.logging import get_logger

_log = get_logger(__name__)

CAPACITY: Final = 1_000_000  # the contract's: at least the last so many mentions
_SEGMENTS: Final = 4  # ours: the oldest quarter is forgotten at once, which takes no time
_BETWEEN_TURNS: Final = 5_000  # ours: posts noted before other tasks get their turn, some 5 ms
REMOVED: Final = 2**31  # the revision of a post that was removed: newer than any, so that it never comes back

Revisions = tuple[tuple[str, int], ...]
"""The brands that a post was seen for, each with its newest revision."""


class _Segment:
    """Some posts in a row. They share a few dozen kinds of revisions, so each has the number of its kind: text and
    numbers alone keep a large dictionary out of the garbage collector's rounds, which would take 20 ms each."""

    __slots__ = ("_kinds", "_numbers", "_posts")

    def __init__(self) -> None:
        self._posts: dict[str, int] = {}
        self._kinds: list[Revisions] = []
        self._numbers: dict[Revisions, int] = {}

    def get(self, post_id: str) -> Revisions:
        number = self._posts.get(post_id)
        return () if number is None else self._kinds[number]

    def put(self, post_id: str, revisions: Revisions) -> None:
        number = self._numbers.get(revisions)
        if number is None:
            number = self._numbers[revisions] = len(self._kinds)
            self._kinds.append(revisions)
        self._posts[post_id] = number

    def __len__(self) -> int:
        return len(self._posts)


class Seen:
    """Post id -> revisions. Bounded: at least the last `capacity` posts noted, at most a quarter more."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._size = max(1, capacity // _SEGMENTS)
        self._segments = deque([_Segment()])

    def get(self, post_id: str) -> Revisions:
        """What was seen of this post; empty if nothing."""
        for segment in self._segments:
            if revisions := segment.get(post_id):
                return revisions
        return ()

    def put(self, post_id: str, revisions: Revisions) -> None:
        """Note what `merge` made; it counts as the newest post."""
        if len(self._segments[0]) >= self._size:
            self._segments.appendleft(_Segment())
            if len(self._segments) > _SEGMENTS + 1:
                self._segments.pop()
        self._segments[0].put(post_id, revisions)

    def __len__(self) -> int:
        return sum(map(len, self._segments))


def merge(revisions: Revisions, brand: str, revision: int) -> Revisions:
    """The revisions with this one of a brand among them."""
    if not revisions:
        return ((brand, revision),)
    known = dict(revisions)
    known[brand] = max(revision, known.get(brand, 0))
    return tuple(sorted(known.items()))


class _Revision(msgspec.Struct):
    """All that is read of a mention; the rest of its bytes is skipped."""

    revision: int = 0


async def rebuild(log: Log, topic: Topic, capacity: int = CAPACITY) -> Seen:
    """What the topic says was seen. Raises UnavailableError while the log is away or the topic isn't there."""
    offsets = await log.offsets(topic)
    share = capacity
    while True:
        # A partition holds about its share of the posts, since they are spread by hash; a quarter more is beyond what
        # chance does. Where compaction has left gaps, there may be fewer posts than offsets: then look further back.
        share = max(share, 1)
        window = share // max(1, len(offsets)) * 5 // 4 + 1_000
        start = {partition: max(first, end - window) for partition, (first, end) in offsets.items()}
        seen = await _read(log, topic, start, capacity)
        if len(seen) >= capacity or all(start[partition] == first for partition, (first, _) in offsets.items()):
            return seen
        share *= 4


class _Records:
    """What the topic's records say, in the order they were read: partition by partition, not by time."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._revisions: list[tuple[str, int]] = []
        self._shared: dict[tuple[str, int], tuple[str, int]] = {}
        self._times = array("q")

    def add(self, record: Record) -> None:
        brand, post_id = split_key(record.key or b"")
        self._ids.append(post_id)
        revision = (brand, _revision(record.value))
        self._revisions.append(self._shared.setdefault(revision, revision))
        self._times.append(record.timestamp)

    async def replay(self, seen: Seen) -> None:
        """Note them as they were produced, so that the oldest are the first to be forgotten."""
        order = await asyncio.to_thread(np.argsort, np.frombuffer(self._times, dtype=np.int64), kind="stable")
        for start in range(0, len(order), _BETWEEN_TURNS):
            for place in order[start : start + _BETWEEN_TURNS].tolist():
                post_id = self._ids[place]
                seen.put(post_id, merge(seen.get(post_id), *self._revisions[place]))
            await asyncio.sleep(0)


async def _read(log: Log, topic: Topic, start: Mapping[int, int], capacity: int) -> Seen:
    found = _Records()
    position = dict(start)
    while True:
        try:
            async for records in log.read(topic, position):
                for record in records:
                    position[record.partition] = record.offset + 1
                    found.add(record)
                await asyncio.sleep(0)
            break
        except CorruptRecordError as error:
            # One post may be published again; the store knows it.
            _log.error("corrupt_record_skipped", topic=error.topic, partition=error.partition, offset=error.offset)
            position[error.partition] = error.next_offset
    seen = Seen(capacity)
    await found.replay(seen)
    return seen


_decoder = msgspec.json.Decoder(_Revision)


def _revision(value: bytes | None) -> int:
    if value is None:
        return REMOVED
    try:
        return _decoder.decode(value).revision
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0  # somebody else's record: its key is all that we know
