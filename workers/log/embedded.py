"""The log in one process: a SQLite file in the data folder. Kafka's groups are not rebuilt: a consumer has all."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from schemas.errors import UnavailableError
from schemas.topics import Topic
from workers.log import embedded_file
from workers.log.contract import CorruptRecordError, Outgoing, PartitionsChanged, Record
from workers.log.embedded_file import PartitionRow, StoredRecord
from workers.log.embedded_writer import MAINTENANCE_ROWS, Writer, maintain
from workers.log.record_size import check_sizes

T = TypeVar("T")

FILE_NAME = "log.db"
CLOSE_SECONDS = 10.0  # ours: what is queued is written in milliseconds; only a dead disk takes longer
OTHER_PROCESS_SECONDS = 0.5  # ours: how soon records of another process (`purge`, `dead-letters retry`) are noticed
READ_RECORDS = 2_000  # ours: a batch of `read`


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class EmbeddedLog:
    """One object serves the process; see `workers.log.contract.Log`."""

    def __init__(self, folder: Path, *, partitions: int | None = 1, now_ms: Callable[[], int] = _now_ms) -> None:
        """`partitions`: of a topic made here, whatever the catalogue says (None: what it says). One process has
        nothing to spread. Call on the event loop."""
        self._path = folder / FILE_NAME
        self._partitions, self._now_ms = partitions, now_ms
        self._waiters: set[asyncio.Future[None]] = set()
        self._writer = Writer(self._path, now_ms, self._wake)
        self._reader_db = embedded_file.connect(self._path, read_only=True)
        # One thread: SQLite's reads are short, and a second would only fight for the interpreter's lock.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="hikeshi-log-reader")
        self._closed = False

    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        def create(db: sqlite3.Connection) -> list[str]:
            return [t.name for t in topics if embedded_file.create_topic(db, t, self._partitions or t.partitions)]

        return await self._writer.submit(create)

    async def partitions(self, topic: Topic) -> int:
        return len(await self.partition_rows(topic))

    async def produce(self, topic: Topic, records: Sequence[Outgoing]) -> None:
        if not records:
            return
        check_sizes(topic.name, records)
        now = self._now_ms()
        await self._writer.submit(
            lambda db: embedded_file.append(db, topic.name, records, now),
            appends=True,
            removes_text=any(record.value is None for record in records),
        )

    async def consumer(
        self,
        topic: Topic,
        group: str,
        *,
        on_assigned: PartitionsChanged | None = None,
        on_revoked: PartitionsChanged | None = None,  # noqa: ARG002 - nothing is ever revoked in one process
    ) -> "EmbeddedConsumer":
        rows = await self.partition_rows(topic)
        positions = {row.partition: row.start_offset for row in rows}
        positions |= await self.committed(topic, group)
        return EmbeddedConsumer(self, topic, group, {row.partition: row for row in rows}, positions, on_assigned)

    async def offsets(self, topic: Topic) -> dict[int, tuple[int, int]]:
        return {row.partition: (row.start_offset, row.next_offset) for row in await self.partition_rows(topic)}

    async def committed(self, topic: Topic, group: str) -> dict[int, int]:
        return await self.run_reader(lambda db: embedded_file.committed(db, group, topic.name))

    async def read(self, topic: Topic, start: Mapping[int, int]) -> AsyncIterator[Sequence[Record]]:
        for row in await self.partition_rows(topic):
            position = start.get(row.partition, 0)
            while position < row.next_offset:
                chunk = await self.run_reader(partial(_read, topic=topic, row=row, start=position))
                if chunk.records:
                    yield chunk.records
                if chunk.corrupt is not None:
                    raise chunk.corrupt
                position = chunk.next_offset if chunk.records else row.next_offset

    async def maintain(self) -> bool:
        """One pass of retention and compaction now (they run by themselves too); True when more is due."""
        now = self._now_ms()
        return await self._writer.submit(lambda db: maintain(db, now, MAINTENANCE_ROWS), removes_text=True)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._wake()
        await asyncio.to_thread(self._reader.shutdown)
        self._reader_db.close()  # before the writer's last checkpoint, which no snapshot may hold back
        await self._writer.close(CLOSE_SECONDS)

    async def partition_rows(self, topic: Topic) -> list[PartitionRow]:
        """The topic's partitions; UnavailableError while there is no such topic."""
        rows = await self.run_reader(lambda db: embedded_file.partition_rows(db, topic.name))
        if not rows:
            raise UnavailableError(f"topic {topic.name} does not exist yet; `hikeshi init` creates it")
        return rows

    async def run_reader(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run a read on the reader's thread."""
        if self._closed:
            raise UnavailableError(f"{self._path} is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, operation, self._reader_db)
        except sqlite3.Error as error:
            raise embedded_file.translate(error, self._path) from error

    async def write_commit(self, topic: Topic, group: str, offsets: Mapping[int, int]) -> None:
        """Commit a group's offsets."""
        await self._writer.submit(lambda db: embedded_file.commit(db, group, topic.name, offsets))

    def written(self) -> "asyncio.Future[None]":
        """Done at the next transaction of this process. Take it before reading, so that none is missed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(future)
        future.add_done_callback(self._waiters.discard)
        return future

    def _wake(self) -> None:
        for future in list(self._waiters):
            if not future.done():
                future.set_result(None)


def _read(db: sqlite3.Connection, *, topic: Topic, row: PartitionRow, start: int) -> embedded_file.Chunk:
    return embedded_file.read(db, topic.name, row, start, row.next_offset, READ_RECORDS, embedded_file.POLL_BYTES)


class EmbeddedConsumer:
    """A group's only member, with all partitions; see `workers.log.contract.Consumer`."""

    def __init__(
        self,
        log: EmbeddedLog,
        topic: Topic,
        group: str,
        rows: dict[int, PartitionRow],
        positions: dict[int, int],
        on_assigned: PartitionsChanged | None,
    ) -> None:
        self._log, self._topic, self._group = log, topic, group
        self._rows, self._positions = rows, positions
        self._on_assigned = on_assigned
        self._paused: set[int] = set()
        self._corrupt: dict[int, CorruptRecordError] = {}
        self._turn = 0

    @property
    def assignment(self) -> set[int]:
        return set(self._rows)

    async def poll(self, max_records: int, timeout_seconds: float) -> Mapping[int, Sequence[Record]]:
        if self._on_assigned is not None:
            announce, self._on_assigned = self._on_assigned, None
            await announce(self.assignment)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while True:
            written = self._log.written()
            try:
                found = await self._fetch(max_records)
                remaining = deadline - loop.time()
                if found or remaining <= 0:
                    return found
                await asyncio.wait([written], timeout=min(remaining, OTHER_PROCESS_SECONDS))
            finally:
                written.cancel()

    async def _fetch(self, max_records: int) -> dict[int, list[StoredRecord]]:
        wanted = {p: at for p, at in self._positions.items() if p not in self._paused}
        for partition in wanted:
            if partition in self._corrupt:
                raise self._corrupt[partition]
        order = sorted(wanted, key=lambda p: (p - self._turn) % len(self._rows))  # no partition starves another
        self._turn += 1
        chunks = await self._log.run_reader(lambda db: self._read(db, order, wanted, max_records))
        found: dict[int, list[StoredRecord]] = {}
        for partition, chunk in chunks.items():
            if self._positions[partition] != wanted[partition] or partition in self._paused:
                continue  # sought or paused meanwhile: what was read is not what is wanted now
            if chunk.records:
                found[partition] = chunk.records
            self._positions[partition] = chunk.next_offset
            if chunk.corrupt is not None:
                self._corrupt[partition] = chunk.corrupt  # said at the next poll: what stands before goes first
        if not found and self._corrupt:
            raise next(iter(self._corrupt.values()))
        return found

    def _read(
        self, db: sqlite3.Connection, order: Sequence[int], wanted: Mapping[int, int], max_records: int
    ) -> dict[int, embedded_file.Chunk]:
        chunks: dict[int, embedded_file.Chunk] = {}
        left = max_records
        for partition in order:
            if left <= 0:
                break
            row, start = self._rows[partition], wanted[partition]
            chunk = embedded_file.read(db, self._topic.name, row, start, None, left, embedded_file.POLL_BYTES)
            chunks[partition] = chunk
            left -= len(chunk.records)
        return chunks

    def seek(self, partition: int, offset: int) -> None:
        self._positions[partition] = offset
        self._corrupt.pop(partition, None)

    async def commit(self, offsets: Mapping[int, int]) -> None:
        if offsets:
            await self._log.write_commit(self._topic, self._group, offsets)

    def pause(self, partitions: set[int]) -> None:
        self._paused |= partitions

    def resume(self, partitions: set[int]) -> None:
        self._paused -= partitions

    async def committed(self) -> dict[int, int]:
        return await self._log.committed(self._topic, self._group)

    async def lag(self) -> dict[int, int]:
        ends = await self._log.offsets(self._topic)
        return {p: max(0, ends[p][1] - max(at, ends[p][0])) for p, at in self._positions.items() if p in ends}

    async def close(self) -> None:
        """Nothing to leave: the group is its committed offsets."""
