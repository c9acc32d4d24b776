"""What a log must do for the stages: produce a batch, consume batches of the partitions given, seek, lag."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from schemas.errors import HikeshiError, RejectedError
from schemas.topics import Topic


class Outgoing(NamedTuple):
    """A record to be written: where, its key, its value (None removes the key), its headers."""

    partition: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Record(Protocol):
    """A record as read. `timestamp` is when it was produced, in milliseconds since 1970 (UTC)."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...
    @property
    def timestamp(self) -> int: ...


class RecordTooLargeError(RejectedError):
    """The record exceeds `schemas.topics.MAX_RECORD_BYTES`; none of its batch was written."""


class CorruptRecordError(HikeshiError):
    """The record at this place fails its checksum. `next_offset` is where reading may go on."""

    def __init__(self, topic: str, partition: int, offset: int, next_offset: int) -> None:
        super().__init__(f"{topic}, partition {partition}: the record at offset {offset} fails its checksum")
        self.topic, self.partition, self.offset, self.next_offset = topic, partition, offset, next_offset


PartitionsChanged = Callable[[set[int]], Awaitable[None]]


class Consumer(Protocol):
    """One member of a consumer group on one topic, given some of its partitions.

    Offsets are explicit everywhere: `commit` says the next offset to read for each partition, and nothing is
    committed but by it. Where no offset was committed, reading starts at the earliest record.
    """

    @property
    def assignment(self) -> set[int]:
        """The partitions that are ours now."""

    async def poll(self, max_records: int, timeout_seconds: float) -> Mapping[int, Sequence[Record]]:
        """The next records of each partition, in order; empty after the time-out. Null values are records too.

        Raises UnavailableError when the log is away, CorruptRecordError at a damaged record (seek to go on).
        """

    def seek(self, partition: int, offset: int) -> None:
        """The next poll of this partition starts here. An offset that is gone means the next one that is there."""

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Say where this group goes on. Raises FencedError when a partition is no longer ours, UnavailableError."""

    def pause(self, partitions: set[int]) -> None:
        """Poll returns nothing of these until `resume`; the member stays in its group."""

    def resume(self, partitions: set[int]) -> None:
        """Undo `pause`."""

    async def committed(self) -> dict[int, int]:
        """The group's committed offset of each partition assigned to us; a partition without one is left out."""

    async def lag(self) -> dict[int, int]:
        """Records of each assigned partition that this consumer has not read yet."""

    async def close(self) -> None:
        """Leave the group (static members stay in it until their session ends). Bounded; never raises."""


class Log(Protocol):
    """A log of topics. One object serves a process; it is opened by `workers.log.open_log`."""

    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        """Create what is missing and bring settings up to date; idempotent. Returns the names created."""

    async def partitions(self, topic: Topic) -> int:
        """How many partitions the topic has. Raises UnavailableError while the topic does not exist."""

    async def produce(self, topic: Topic, records: Sequence[Outgoing]) -> None:
        """Write the records, each partition's in their order; returns once all are acknowledged (acks=all, or fsync).

        Raises RecordTooLargeError before anything is written; UnavailableError when the acknowledgement did not come
        in time: then any of the records may be in the log or not.
        """

    async def consumer(
        self,
        topic: Topic,
        group: str,
        *,
        on_assigned: PartitionsChanged | None = None,
        on_revoked: PartitionsChanged | None = None,
    ) -> Consumer:
        """Join the group. `on_revoked` runs before partitions go to another member and may finish what is in flight;
        `on_assigned` runs before the first poll of them and may seek."""

    async def offsets(self, topic: Topic) -> dict[int, tuple[int, int]]:
        """The first offset that is there and the end offset (one past the last), by partition."""

    async def committed(self, topic: Topic, group: str) -> dict[int, int]:
        """What a group committed, by partition, without joining it."""

    def read(self, topic: Topic, start: Mapping[int, int]) -> AsyncIterator[Sequence[Record]]:
        """Everything from `start` up to the end offsets at the time of the call, outside any group, in batches."""

    async def close(self) -> None:
        """Flush and close; bounded; never raises."""
