"""What the dispatcher can't read or store is put aside as dead letters, in the order of the batch it came in."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from schemas.errors import StopError
from workers.dispatcher.batch import Entry
from workers.log.contract import CorruptRecordError, Record
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.logging import get_logger

_log = get_logger(__name__)

Patiently = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""Makes a call of the log until it succeeds, however long the log is away."""


class Aside:
    """The dispatcher's dead letters."""

    def __init__(self, dead_letters: DeadLetters, patiently: Patiently) -> None:
        self._dead_letters, self._patiently = dead_letters, patiently

    async def put_bad(self, entries: Sequence[Entry]) -> tuple[list[Entry], StopError | None]:
        """Put aside what can't be read, with the good ones between told to the stop rule.

        Where the stop rule holds from some record on, the rest is left and the stop returned: what came before it is
        to be stored, and must not come again after the stop is lifted.
        """
        good = 0
        for place, entry in enumerate(entries):
            if entry.fault is None:
                good += 1
                continue
            self._dead_letters.succeeded(good)
            good = 0
            try:
                await self.put(entry.record, entry.fault)
            except StopError as stop:
                return list(entries[: place + 1]), stop
        self._dead_letters.succeeded(good)
        return list(entries), None

    async def put(self, record: Record, fault: str) -> None:
        """One record. Raises StopError at the stop rule."""
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        key, headers = record.key or b"", record.headers
        await self._patiently(lambda: self._dead_letters.put(key, record.value, fault, where, headers))

    async def put_damage(self, damage: CorruptRecordError) -> None:
        """What fails its checksum can't be read by anybody: a letter names the offsets. Raises StopError."""
        _log.error("record_damaged", topic=damage.topic, partition=damage.partition, offset=damage.offset)
        where = {"topic": damage.topic, "partition": damage.partition, "offset": damage.offset}
        fault = f"the log's records {damage.offset} to {damage.next_offset - 1} fail their checksum"
        await self._patiently(lambda: self._dead_letters.put(b"", None, fault, where))
