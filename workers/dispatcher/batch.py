"""A polled batch read: each record as an arrival, a removal or a fault, up to what only a later release can read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from config.brands import Burst
from schemas.errors import NewerSchemaError, RejectedError
from workers.dispatcher.decode import decode_mark, removed_key
from workers.incidents.ingest import Arrival
from workers.log.contract import Record

_RECORDS_A_STEP: Final = 50  # ours: a step takes half a millisecond, so that a transaction under way hardly waits


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


def reading(
    found: Mapping[int, Sequence[Record]], rules: Mapping[str, Burst | None], now: datetime, batch: Batch
) -> Iterator[None]:
    """Read what was polled into `batch`, step by step: between two steps others may have the event loop.

    Never raises for what a record holds.
    """
    for partition, records in found.items():
        for number, record in enumerate(records, start=1):
            try:
                batch.entries.append(_read(record, rules, now))
            except RejectedError as error:
                batch.entries.append(Entry(record, fault=str(error)))
            except NewerSchemaError as error:
                batch.newer[partition] = (record.offset, str(error))
                break
            if number % _RECORDS_A_STEP == 0:
                yield


def _read(record: Record, rules: Mapping[str, Burst | None], now: datetime) -> Entry:
    if record.value is None:
        return Entry(record, removal=removed_key(record.key or b""))
    return Entry(record, arrival=decode_mark(record.value, rules, now, record.headers))


def ends(entries: Sequence[Entry]) -> dict[int, int]:
    """Where each partition goes on after these."""
    return {entry.record.partition: entry.record.offset + 1 for entry in entries}
