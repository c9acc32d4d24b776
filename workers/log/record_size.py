"""The size limit of a record, the same on both logs, checked before anything of a batch is written."""

from collections.abc import Sequence

from schemas.topics import MAX_RECORD_BYTES
from workers.log.contract import Outgoing, RecordTooLargeError

# Ours: what Kafka adds to key, value and headers (batch header 61 bytes, lengths and deltas of a record under 40).
# Its limit, `max.message.bytes`, holds for the whole batch, and a batch may hold this record alone.
OVERHEAD_BYTES = 256
HEADER_OVERHEAD_BYTES = 10


def record_bytes(record: Outgoing) -> int:
    """How much of `MAX_RECORD_BYTES` the record takes."""
    size = len(record.key) + (len(record.value) if record.value is not None else 0) + OVERHEAD_BYTES
    for name, value in record.headers:
        size += len(name) * 4 + len(value) + HEADER_OVERHEAD_BYTES  # UTF-8 takes at most 4 bytes a character
    return size


def check_sizes(topic: str, records: Sequence[Outgoing]) -> None:
    """Raise RecordTooLargeError, naming the first record that no log would take."""
    for record in records:
        if record_bytes(record) > MAX_RECORD_BYTES:
            raise too_large(topic, record)


def too_large(topic: str, record: Outgoing) -> RecordTooLargeError:
    """The error for this record."""
    return RecordTooLargeError(
        f"{topic}: the record with key {record.key[:200]!r} takes {record_bytes(record)} bytes; "
        f"the limit of a record is {MAX_RECORD_BYTES}"
    )
