"""A polled batch read: each record as an arrival, a removal or a fault, up to what only a later release can read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from config.brands import Burst
from schemas.errors import NewerSchemaError, RejectedError
from workers.dispatcher.decode import decode_mark, removed_key
from workers.incidents.ingest import Arrival
from workers.log.contract import Record


class Entry(NamedTuple):
    """One record: a mark that arrived, a post to remove, or why it is neither."""

    record: Record
    arrival: Arrival | None = None
    removal: tuple[str, str] | None = None
    fault: str | None = None


class Batch(NamedTuple):
    """The records in their order; by partition, the offset before which it must stand still, and why."""

    entries: list[Entry]
    newer: dict[int, tuple[int, str]]


def read_batch(found: Mapping[int, Sequence[Record]], rules: Mapping[str, Burst | None], now: datetime) -> Batch:
    """Read what was polled. Never raises for what a record holds."""
    batch = Batch([], {})
    for partition, records in found.items():
        for record in records:
            try:
                batch.entries.append(_read(record, rules, now))
            except RejectedError as error:
                batch.entries.append(Entry(record, fault=str(error)))
            except NewerSchemaError as error:
                batch.newer[partition] = (record.offset, str(error))
                break
    return batch


def _read(record: Record, rules: Mapping[str, Burst | None], now: datetime) -> Entry:
    if record.value is None:
        return Entry(record, removal=removed_key(record.key or b""))
    return Entry(record, arrival=decode_mark(record.value, rules, now, record.headers))


def ends(entries: Sequence[Entry]) -> dict[int, int]:
    """Where each partition goes on after these."""
    return {entry.record.partition: entry.record.offset + 1 for entry in entries}
