"""The size limit of a record, the same on both logs, checked before anything of a batch is written."""

from collections.abc import Sequence

from schemas.topics import MAX_RECORD_BYTES, Topic
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


def check_sizes(topic: Topic, records: Sequence[Outgoing]) -> None:
    """Raise RecordTooLargeError, naming the first record that no log would take."""
    for record in records:
        size = record_bytes(record)
        if size > MAX_RECORD_BYTES:
            raise RecordTooLargeError(
                f"{topic.name}: the record with key {record.key[:200]!r} takes {size} bytes; "
                f"the limit of a record is {MAX_RECORD_BYTES}"
            )
