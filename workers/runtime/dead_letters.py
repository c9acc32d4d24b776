"""Dead letters of one stage: putting aside what can't be processed, and stopping when that becomes too much."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from schemas.errors import StopError, UnavailableError
from schemas.mention import rfc3339
from schemas.topics import Topic
from workers.log.contract import Log, Outgoing
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.letter import Letter, decode_letter, letter_id, payload_fields
from workers.runtime.logging import get_logger
from workers.runtime.stop_rule import WINDOW_SECONDS, StopRule

_log = get_logger(__name__)

# Ours: ids of letters kept in memory (about 100 bytes each). Beyond it the same record again makes the same letter
# again, on the same key: the topic's compaction and every list show it once.
_REMEMBERED_IDS: Final = 200_000
_STOP_CHECK_SECONDS: Final = 2.0  # how soon a stopped worker goes on after the letters were retried or dropped


class DeadLetters:
    """What one stage puts aside of one topic. Open it before use; all times of the stop rule are wall time."""

    def __init__(self, log: Log, topic: Topic, stage: str, clock: Clock) -> None:
        self._log, self._topic, self._stage, self._clock = log, topic.dead_letters, stage, clock
        self._source_topic = topic.name
        self._rule = StopRule()
        self._ids: dict[str, None] = {}
        self._stopping_letters: dict[str, str] = {}
        self._next_offsets: dict[int, int] | None = None
        self.put_total = 0
        """Letters put since the start."""

    async def open(self) -> None:
        """Read what is there: known letters, and how the stop rule stood before a restart."""
        last: Letter | None = None
        for letter in await self._catch_up():
            if letter.standing is not None:
                last = letter
        if last is None or last.standing is None or last.id not in self._ids:
            return
        at = datetime.fromisoformat(last.at).timestamp()
        if self._clock.now().timestamp() - at <= WINDOW_SECONDS:
            self._rule.restore(last.standing, at)

    async def put(
        self,
        key: bytes,
        payload: bytes | None,
        fault: str,
        where: Mapping[str, Any],
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> bool:
        """Put one record aside; returns once the log has it. False: this very letter is there already.

        `key` is the record's own key (empty for a source's line), `where` its place: see `Letter`. Call `put` and
        `succeeded` in the order of the records. Raises StopError when the stop rule holds from here on: nothing more
        must be skipped.
        """
        identity = letter_id(self._stage, key, payload, where)
        if identity in self._ids:
            await self._catch_up()  # it may have been retried or dropped meanwhile
            if identity in self._ids:
                return False
        now = self._clock.now()
        exempt = "file" in where
        if not exempt:
            self._rule.failed(now.timestamp())
        letter = Letter(
            id=identity,
            stage=self._stage,
            topic=self._source_topic,
            at=rfc3339(now),
            fault=fault,
            where=dict(where),
            key=key.decode("utf-8", "replace") or None,
            headers={name: value.decode("latin-1") for name, value in headers},
            standing=None if exempt else self._rule.standing(now.timestamp()),
            stops=None if exempt else self._rule.verdict(now.timestamp()),
            **payload_fields(payload),
        )
        await self._log.produce(self._topic, [Outgoing(0, identity.encode(), msgspec.json.encode(letter))])
        self._remember(letter)
        self.put_total += 1
        metrics.DEAD_LETTERS.labels(self._stage).inc()
        _log.warning("dead_letter_put", stage=self._stage, id=identity, fault=fault, where=dict(where))
        self.check()
        return True

    def succeeded(self, count: int = 1) -> None:
        """So many records were processed."""
        self._rule.succeeded(count, self._clock.now().timestamp())

    def check(self) -> None:
        """Raises StopError while the stop rule holds, from this run or from one before."""
        for identity, reason in self._stopping_letters.items():
            raise StopError(
                f"{self._stage} stopped: {reason}. Look at them with `hikeshi dead-letters list`, mend the cause, then "
                f"`hikeshi dead-letters retry --all` or `drop --all` (the letter that stopped it: {identity})"
            )

    @property
    def stopped(self) -> bool:
        """Whether the stop rule holds."""
        return bool(self._stopping_letters)

    async def stop_lifted(self) -> None:
        """Wait until the letters that stopped the stage were retried or dropped."""
        while self._stopping_letters:
            await self._clock.sleep(_STOP_CHECK_SECONDS)
            try:
                await self._catch_up()
            except (UnavailableError, TimeoutError) as error:
                _log.info("dead_letters_unread", stage=self._stage, error=str(error))
        self._rule.reset()

    async def _catch_up(self) -> list[Letter]:
        """Read what came to the topic since the last time; returns this stage's letters among it."""
        letters: list[Letter] = []
        if self._next_offsets is None:
            self._next_offsets = {p: start for p, (start, _) in (await self._log.offsets(self._topic)).items()}
        async for records in self._log.read(self._topic, dict(self._next_offsets)):
            for record in records:
                self._next_offsets[record.partition] = record.offset + 1
                identity = (record.key or b"").decode("ascii", "replace")
                if record.value is None:
                    self._forget(identity)
                    continue
                letter = decode_letter(record.value)
                if letter is not None and letter.stage == self._stage:
                    self._remember(letter)
                    letters.append(letter)
            await asyncio.sleep(0)
        return letters

    def _remember(self, letter: Letter) -> None:
        self._ids[letter.id] = None
        if len(self._ids) > _REMEMBERED_IDS:
            self._ids.pop(next(iter(self._ids)))
        if letter.stops is not None:
            self._stopping_letters[letter.id] = letter.stops

    def _forget(self, identity: str) -> None:
        self._ids.pop(identity, None)
        self._stopping_letters.pop(identity, None)
