"""The embedded log's file, `log.db`: its tables and what is done to them. Synchronous; each caller brings a connection.

A record's row id is `partition row << 40 | offset`: one B-tree, appended to in order, read in ranges. The partition's
row keeps the next offset, so that an offset is never given twice, whatever was removed.

The index is on the key itself: a brand's post ids grow with time, so its pages are few and warm. On a hash of the key
the same writes took three times as long.
"""

import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from schemas.errors import ConfigurationError, HikeshiError, StopError, UnavailableError
from schemas.topics import Topic
from workers.log.contract import CorruptRecordError, Outgoing

FORMAT = 1  # `user_version` of the file
OFFSET_BITS = 40  # ours: 10^12 records a partition
BUSY_SECONDS = 5.0  # ours: another process (the command line's `purge`) holds the write lock for milliseconds
CHECKPOINT_PAGES = 8192  # ours: the WAL is folded into the file each 32 MiB; SQLite's 1000 costs a third of the speed
POLL_BYTES = 8 * 1024 * 1024  # ours: memory of one poll, whatever the records' number
FETCH_ROWS = 256

SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
  id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
  start_offset INTEGER NOT NULL DEFAULT 0, next_offset INTEGER NOT NULL DEFAULT 0,
  compacted_to INTEGER NOT NULL DEFAULT 0,
  retention_ms INTEGER NOT NULL, compaction_ms INTEGER NOT NULL, UNIQUE (topic, partition)
);
CREATE TABLE IF NOT EXISTS records (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, checksum INTEGER NOT NULL,
  key BLOB NOT NULL, headers BLOB, value BLOB
);
CREATE INDEX IF NOT EXISTS records_by_key ON records (key);
CREATE TABLE IF NOT EXISTS commits (
  consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  PRIMARY KEY (consumer_group, topic, partition)
) WITHOUT ROWID;
"""

_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...]).decode


class StoredRecord(NamedTuple):
    """A record as read from the file; see `workers.log.contract.Record`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class PartitionRow(NamedTuple):
    """A partition's row, without its settings."""

    id: int
    partition: int
    start_offset: int
    next_offset: int


def translate(error: sqlite3.Error, path: Path) -> HikeshiError:
    """The one place where SQLite's errors become ours."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StopError(f"{path}: the disk is full; free some space and start again. Nothing acknowledged is lost")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return UnavailableError(f"{path} is locked by another process")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StopError(f"{path} is damaged ({error}); restore the data folder from a backup")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return ConfigurationError(f"{path} can't be opened for writing ({error}); mend its permissions")
    return StopError(f"{path}: {error}; nothing acknowledged is lost")


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection with the log's promises set: WAL, an fsync each commit, removed text overwritten."""
    try:
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA secure_delete=ON")
        db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        db.execute("PRAGMA cache_size=-16384")
        if read_only:
            db.execute("PRAGMA query_only=ON")
        else:
            _create(db, path)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    return db


def _create(db: sqlite3.Connection, path: Path) -> None:
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT:
        raise ConfigurationError(f"{path} was written by a newer release (format {found}, this one knows {FORMAT})")
    if found == FORMAT:
        return
    db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={FORMAT}; COMMIT;")


def create_topic(db: sqlite3.Connection, topic: Topic, partitions: int) -> bool:
    """Create the topic, or bring its settings up to date. True if it is new. Existing partitions stay."""
    settings = topic.settings
    times = int(settings["retention.ms"]), int(settings["max.compaction.lag.ms"])
    changed = db.execute("UPDATE partitions SET retention_ms=?, compaction_ms=? WHERE topic=?", (*times, topic.name))
    if changed.rowcount:
        return False
    db.executemany(
        "INSERT INTO partitions (topic, partition, retention_ms, compaction_ms) VALUES (?,?,?,?)",
        [(topic.name, number, *times) for number in range(partitions)],
    )
    return True


def partition_rows(db: sqlite3.Connection, topic: str) -> list[PartitionRow]:
    """The topic's partitions in order; none if there is no such topic."""
    rows = db.execute(
        "SELECT id, partition, start_offset, next_offset FROM partitions WHERE topic=? ORDER BY partition", (topic,)
    )
    return [PartitionRow(*row) for row in rows]


def _checksum(key: bytes, headers: bytes | None, value: bytes | None) -> int:
    # A null value and an empty one must differ, hence the marker.
    return zlib.crc32(value, zlib.crc32(headers or b"", zlib.crc32(key))) if value is not None else ~zlib.crc32(key)


def append(db: sqlite3.Connection, topic: str, records: Sequence[Outgoing], now_ms: int) -> tuple[int, bool]:
    """Append within the caller's transaction. Returns the number of records and whether text was removed by a null."""
    by_partition = {row.partition: row for row in partition_rows(db, topic)}
    if not by_partition:
        raise UnavailableError(f"topic {topic} does not exist yet; `hikeshi init` creates it")
    next_offsets = {number: row.next_offset for number, row in by_partition.items()}
    rows: list[tuple[Any, ...]] = []
    removed = False
    for partition, key, value, headers in records:
        offset = next_offsets[partition]
        next_offsets[partition] = offset + 1
        base = by_partition[partition].id << OFFSET_BITS
        packed = _encode_headers(headers) if headers else None
        if value is None:
            _insert(db, rows)  # so that the removal reaches this key's records of the same batch
            rows = []
            db.execute(
                "DELETE FROM records WHERE key=? AND id BETWEEN ? AND ?",
                (key, base, base + offset),
            )
            removed = True
        rows.append((base + offset, now_ms, _checksum(key, packed, value), key, packed, value))
    _insert(db, rows)
    db.executemany(
        "UPDATE partitions SET next_offset=? WHERE id=?",
        [(end, by_partition[n].id) for n, end in next_offsets.items() if end != by_partition[n].next_offset],
    )
    return len(records), removed


def _insert(db: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    db.executemany("INSERT INTO records VALUES (?,?,?,?,?,?)", rows)


def commit(db: sqlite3.Connection, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Note where the group goes on, within the caller's transaction."""
    db.executemany(
        "INSERT INTO commits VALUES (?,?,?,?) "
        "ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset=excluded.next_offset",
        [(group, topic, partition, offset) for partition, offset in offsets.items()],
    )


def committed(db: sqlite3.Connection, group: str, topic: str) -> dict[int, int]:
    """What the group committed, by partition."""
    return dict(
        db.execute("SELECT partition, next_offset FROM commits WHERE consumer_group=? AND topic=?", (group, topic))
    )


class Chunk(NamedTuple):
    """Records of one partition, where reading goes on after them, and what stopped them if it was a damaged one."""

    records: list[StoredRecord]
    next_offset: int
    corrupt: CorruptRecordError | None


def read(
    db: sqlite3.Connection, topic: str, row: PartitionRow, start: int, end: int | None, limit: int, limit_bytes: int
) -> Chunk:
    """The records of a partition from `start`, before `end` if given, up to both limits; stops at a damaged record."""
    base = row.id << OFFSET_BITS
    last = base + (end if end is not None else 1 << OFFSET_BITS) - 1
    cursor = db.execute(
        "SELECT id, at, checksum, key, headers, value FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
        (base + start, last, limit),
    )
    records: list[StoredRecord] = []
    position, size = start, 0
    partition = row.partition
    try:
        while size < limit_bytes and (rows := cursor.fetchmany(FETCH_ROWS)):
            for row_id, at, checksum, key, packed, value in rows:
                offset = row_id - base
                if _checksum(key, packed, value) != checksum:
                    return Chunk(records, position, CorruptRecordError(topic, partition, offset, offset + 1))
                headers = _decode_headers(packed) if packed is not None else ()
                records.append(StoredRecord(topic, partition, offset, at, key, value, headers))
                size += len(key) + (len(value) if value is not None else 0)
                position = offset + 1
    finally:
        cursor.close()  # an open cursor would hold back the checkpoint
    return Chunk(records, position, None)


def expire(db: sqlite3.Connection, now_ms: int, limit: int) -> int:
    """Retention: remove at most `limit` records a partition that are older than its topic keeps them."""
    removed = 0
    rows = db.execute("SELECT id, start_offset, next_offset, retention_ms FROM partitions").fetchall()
    for row_id, start, end, retention_ms in rows:
        base = row_id << OFFSET_BITS
        cursor = db.execute(
            "SELECT id, at FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
            (base + start, base + end, limit + 1),
        )
        old, first = 0, end  # what is left starts at the next record that is there, or at the end when none is
        for record_id, at in cursor:  # row by row: mostly the first is young already
            if old == limit or at >= now_ms - retention_ms:
                first = record_id - base
                break
            old += 1
        cursor.close()
        if not old:
            continue
        db.execute("DELETE FROM records WHERE id BETWEEN ? AND ?", (base + start, base + first - 1))
        db.execute("UPDATE partitions SET start_offset=? WHERE id=?", (first, row_id))
        removed += old
    return removed


def compact(db: sqlite3.Connection, now_ms: int, limit: int) -> tuple[int, int]:
    """Compaction: records with a newer one of their key, once that one has reached the topic's compaction time.

    Looks at no more than `limit` records a partition. Returns how many it looked at and how many it removed.
    """
    looked, removed = 0, 0
    rows = db.execute("SELECT id, compacted_to, next_offset, compaction_ms FROM partitions").fetchall()
    for row_id, position, end, compaction_ms in rows:
        base = row_id << OFFSET_BITS
        cursor = db.execute(
            "SELECT id, key, at FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
            (base + position, base + end, limit),
        )
        due: list[tuple[bytes, int]] = []
        for record_id, key, at in cursor:
            if at > now_ms - compaction_ms:
                break
            due.append((key, record_id))
        cursor.close()
        if not due:
            continue
        cursor = db.executemany(
            "DELETE FROM records WHERE key=? AND id >= ? AND id < ?", [(key, base, newer) for key, newer in due]
        )
        removed += cursor.rowcount
        looked += len(due)
        db.execute("UPDATE partitions SET compacted_to=? WHERE id=?", (due[-1][1] - base + 1, row_id))
    return looked, removed
