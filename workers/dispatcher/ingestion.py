"""Ingestion: marks from the log, each polled batch into the store as one transaction with the offsets it moves.

It keeps no state: where it goes on is in the store, compared and swapped with every batch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from random import Random
from typing import Final, NamedTuple, TypeVar

from config.files import Files
from schemas.errors import (
    ConfigurationError,
    FencedError,
    RejectedError,
    StopError,
    UnavailableError,
)
from schemas.mention import record_key
from schemas.topics import MARKS, MENTIONS, mark_partition, mention_partition
from workers.dispatcher.aside import Aside
from workers.dispatcher.batch import Batch, Entry, ends, reading
from workers.dispatcher.lost import tell_lost
from workers.dispatcher.places import Places, Swaps
from workers.incidents.change import to_millis
from workers.incidents.ingest import Context, Outcome, context, ingest
from workers.log.contract import Consumer, CorruptRecordError, Log, Outgoing, Record
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.retry import backoff_seconds
from workers.runtime.stopping import unless
from workers.store import Store
from workers.store.offsets import read_offsets

_log = get_logger(__name__)
_T = TypeVar("_T")

STAGE: Final = "dispatcher"  # its consumer group, and its name in metrics and logs

# All ours.
MAX_RECORDS: Final = 2_000  # one transaction: large enough to be cheap, small enough to hold its locks briefly
POLL_SECONDS: Final = 0.25  # how soon a drain is noticed while nothing comes
COMMIT_SECONDS: Final = 1.0  # the group's commit only feeds lag tools; the store's offset is the truth
NEWER_SCHEMA_SECONDS: Final = 15.0  # how often a record of a newer schema is looked at again: it may be removed
ERASE_SECONDS: Final = 5.0  # how soon a reader that was in the way is asked again; the contract allows 60 s
SMALL_BATCH: Final = 200  # on SQLite, after fewer marks than this …
ROOM_SECONDS: Final = 0.05  # … so long is left to the deliveries
_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS = 0.1, 5.0


class _Stopped(Exception):  # noqa: N818  no fault: a sign within this file
    """A stop was asked for while a dependency was away."""


class _Storing(NamedTuple):
    """A batch that is being stored: its marks, the offsets it moves, and the transaction under way."""

    around: Context
    entries: Sequence[Entry]
    swaps: Swaps
    generation: int
    task: asyncio.Task[Outcome]


class Ingestion:
    """Stores what comes, of the partitions that the group gives us."""

    def __init__(
        self,
        log: Log,
        store: Store,
        files: Files,
        clock: Clock,
        health: StageHealth,
        dead_letters: DeadLetters,
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when something was scheduled that may be due."""
        self.health = health
        self.opened = 0
        """Incidents opened since the start; for the summary."""
        self._log, self._store, self._files, self._clock = log, store, files, clock
        self._dead_letters, self._wake = dead_letters, wake
        self._jitter = Random().random  # noqa: S311  spreads retries, guards nothing
        self._aside = Aside(dead_letters, lambda call: self._available("kafka", call))
        self._places = Places()
        self._settled = asyncio.Event()
        self._settled.set()
        self._committed_at = 0.0
        self._blocked: set[int] = set()
        self._blocked_wait = ExitStack()
        self._look_again_at = 0.0
        self._traces_left = True
        self._erase_at = 0.0
        self._storing: _Storing | None = None
        self._stopping = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, finish what is in flight, return. Raises StopError at the stop rule."""
        self._stopping = stopping
        self._places, self._blocked = Places(), set()
        consumer: Consumer | None = None
        try:
            await self._available("kafka", self._dead_letters.open)
            consumer = await self._available("kafka", self._join)
            self.health.probe = lambda: _lag(consumer)
            self.health.started()
            while not self._stopping.is_set():
                await self._turn(consumer)
            await self._finish(consumer)
        except _Stopped:
            pass  # what was not stored comes again
        finally:
            if self._storing is not None:  # we failed elsewhere: it ends as it ends, and the store knows how
                await asyncio.gather(self._storing.task, return_exceptions=True)
                self._storing = None
            self.health.probe = None
            self._blocked_wait.close()
            self._settled.set()
            if consumer is not None:
                await self._commit(consumer, at_once=True)
                await consumer.close()

    async def _join(self) -> Consumer:
        return await self._log.consumer(MARKS, STAGE, on_assigned=self._on_assigned, on_revoked=self._on_revoked)

    async def _turn(self, consumer: Consumer) -> None:
        """One poll, read while the batch before is being stored, and then stored itself."""
        if self._blocked and self._clock.monotonic() >= self._look_again_at:
            consumer.resume(set(self._blocked))
            self._blocked.clear()
            self._blocked_wait.close()
        if self._places.unplaced:
            await self._finish(consumer)
            await self._place(consumer)
        await self._commit(consumer)
        await self._erase_traces()
        await self._leave_room(consumer)
        generation = self._places.generation
        try:
            found = await self._poll(consumer)
        except CorruptRecordError as damage:
            await self._finish(consumer)
            await self._aside.put_damage(damage)
            consumer.seek(damage.partition, damage.next_offset)
            return
        around = context(self._store.dialect, self._files.policy, self._files.brands, to_millis(self._clock.now()))
        batch = await self._read(found, around)
        await self._finish(consumer)
        if generation == self._places.generation:  # else they were taken away, and come again to their new owner
            await self._begin(consumer, around, batch)

    async def _leave_room(self, consumer: Consumer) -> None:
        """SQLite has one writer: while little comes, it is gathered, and deliveries have the store meanwhile."""
        storing = self._storing
        if self._store.dialect == "sqlite" and storing is not None and len(storing.entries) < SMALL_BATCH:
            await self._finish(consumer)
            await unless(self._stopping, self._clock.sleep(ROOM_SECONDS))

    async def _poll(self, consumer: Consumer) -> Mapping[int, Sequence[Record]]:
        """What comes next. A batch that is stored meanwhile is not kept waiting for it."""
        polling = asyncio.create_task(
            self._available("kafka", lambda: consumer.poll(MAX_RECORDS, POLL_SECONDS)), name="dispatcher-poll"
        )
        try:
            if self._storing is not None:
                task = self._storing.task
                await asyncio.wait({polling, task}, return_when=asyncio.FIRST_COMPLETED)
                # One that failed may need to poll itself, and is seen to after this poll.
                if not polling.done() and not task.cancelled() and task.exception() is None:
                    await self._finish(consumer)
            return await polling
        finally:
            polling.cancel()

    async def _read(self, found: Mapping[int, Sequence[Record]], around: Context) -> Batch:
        batch = Batch([], {})
        for _ in reading(found, around.rules, self._clock.now(), batch):
            await asyncio.sleep(0)
        return batch

    async def _erase_traces(self) -> None:
        """What was removed may still lie in the write-ahead log: also what a process that was killed left there."""
        if self._traces_left and self._clock.monotonic() >= self._erase_at:
            self._erase_at = self._clock.monotonic() + ERASE_SECONDS
            self._traces_left = not await self._available("store", self._store.erase_traces)

    async def _begin(self, consumer: Consumer, around: Context, batch: Batch) -> None:
        """Start to store a batch. What follows from it is for `_finish`."""
        for partition, (offset, why) in batch.newer.items():
            if partition in self._places:
                self._block(consumer, partition, offset, why)
        # What was fetched before its partition was placed may begin anywhere.
        mine = [entry for entry in batch.entries if entry.record.partition in self._places]
        if not mine:
            return
        self._settled.clear()
        generation = self._places.generation
        try:
            entries, stop = await self._aside.put_bad(mine)
        except BaseException:
            self._settled.set()
            raise
        if entries and generation == self._places.generation:
            swaps = self._places.swaps(ends(entries))
            task = asyncio.create_task(self._transaction(around, swaps, entries), name="dispatcher-store")
            self._storing = _Storing(around, entries, swaps, generation, task)
        if self._storing is None or stop is not None:
            await self._finish(consumer)
        if stop is not None:
            raise stop

    async def _finish(self, consumer: Consumer) -> None:
        """See the batch under way stored, or dropped where another owner has gone on; then all that follows from it."""
        storing, self._storing = self._storing, None
        try:
            if storing is not None:
                await self._conclude(consumer, storing)
        finally:
            self._settled.set()

    async def _conclude(self, consumer: Consumer, storing: _Storing) -> None:
        around, entries, swaps, generation, task = storing
        try:
            outcome = await self._stored(consumer, lambda: self._transaction(around, swaps, entries), task)
        except FencedError as error:
            metrics.FENCED.labels(STAGE).inc()
            _log.warning("batch_fenced", error=str(error))
            self._places.fenced()
            return
        except RejectedError as error:
            good = await self._without_poison(consumer, around, swaps, entries, str(error))
            outcome = await self._stored(consumer, lambda: self._transaction(around, swaps, good))
        self._places.moved(swaps, generation)
        self._count(outcome, len(entries))
        if outcome.returned:
            await self._forget_again(outcome.returned)
        self._traces_left |= any(entry.removal for entry in entries)
        if outcome.due_at is not None:
            self._wake()

    async def _forget_again(self, keys: Sequence[tuple[str, str]]) -> None:
        """The stream or another writer did not know that these were removed: their text must not stay on the topics."""
        mentions = await self._available("kafka", lambda: self._log.partitions(MENTIONS))
        marks = await self._available("kafka", lambda: self._log.partitions(MARKS))
        nulls = [Outgoing(mention_partition(post, mentions), record_key(brand, post), None) for brand, post in keys]
        await self._available("kafka", lambda: self._log.produce(MENTIONS, nulls))
        nulls = [Outgoing(mark_partition(brand, marks), record_key(brand, post), None) for brand, post in keys]
        await self._available("kafka", lambda: self._log.produce(MARKS, nulls))

    async def _transaction(
        self,
        around: Context,
        swaps: Swaps,
        entries: Sequence[Entry],
        *,
        trial: bool = False,
    ) -> Outcome:
        arrivals = [entry.arrival for entry in entries if entry.arrival is not None]
        removals = [entry.removal for entry in entries if entry.removal is not None]
        with metrics.STORE_SECONDS.time():
            async with self._store.write() as connection:
                outcome = await ingest(connection, around, MARKS.name, swaps, arrivals, removals)
                if trial:
                    await connection.rollback()
                return outcome

    async def _without_poison(
        self,
        consumer: Consumer,
        around: Context,
        swaps: Swaps,
        entries: Sequence[Entry],
        fault: str,
    ) -> list[Entry]:
        """The batch without what the store refuses, which is found by halves and put aside."""
        suspects, poison = [list(entries)], list[Entry]()
        while suspects:
            part = suspects.pop()
            try:
                await self._stored(consumer, partial(self._transaction, around, swaps, part, trial=True))
            except RejectedError as error:
                if len(part) == 1:
                    poison += part
                    await self._aside.put(part[0].record, str(error))
                else:
                    suspects += [part[len(part) // 2 :], part[: len(part) // 2]]
        if not poison:
            raise StopError(f"the store refuses a batch, but no mark of it alone: {fault}")
        return [entry for entry in entries if entry not in poison]

    def _block(self, consumer: Consumer, partition: int, offset: int, why: str) -> None:
        """Stand still before this record, not ready, until a newer release takes over or it is removed."""
        if not self._blocked:
            self._blocked_wait.enter_context(self.health.waiting("a newer release: its schema is not known here"))
        self._blocked.add(partition)
        self._look_again_at = self._clock.monotonic() + NEWER_SCHEMA_SECONDS
        consumer.seek(partition, offset)
        consumer.pause({partition})
        _log.error("newer_schema_met", stage=STAGE, partition=partition, offset=offset, why=why)

    def _count(self, outcome: Outcome, records: int) -> None:
        self.opened += len(outcome.opened)
        for incident, trace in outcome.opened:
            metrics.INCIDENTS_OPENED.labels(incident.scope).inc()
            _log.info("incident_opened", incident=incident.id, key=incident.key, kind=incident.kind, trace=trace)
        metrics.MARKS_STORED.inc(outcome.stored)
        self.health.moved(records)

    async def _place(self, consumer: Consumer) -> None:
        """Seek each new partition to where the store says; what is gone below the log's start is told, not hidden."""
        wanted = self._places.unplaced & consumer.assignment
        self._places.unplaced.clear()
        if not wanted:
            return
        stored = await self._stored(consumer, self._read_offsets)
        there = await self._available("kafka", lambda: self._log.offsets(MARKS))
        placed, lost = sorted(wanted & consumer.assignment), dict[int, tuple[int, int]]()
        for partition in placed:
            first, end = there[partition]
            expected = stored.get(partition)
            if expected is not None and expected > end:
                raise ConfigurationError(
                    f"{MARKS.name}, partition {partition}: the store goes on at offset {expected}, the topic ends at "
                    f"{end}: it was made anew; if that is meant, run `hikeshi topics create --reset-offsets`"
                )
            if expected is not None and expected < first:
                _log.error("marks_lost", partition=partition, first_lost=expected, first_there=first)
                lost[partition] = expected, first
            consumer.seek(partition, max(expected or 0, first))
            self._places.placed(partition, expected)
        now = to_millis(self._clock.now())
        await self._stored(consumer, lambda: tell_lost(self._store, self._files.policy, placed, lost, now))

    async def _read_offsets(self) -> dict[int, int]:
        async with self._store.read() as connection:
            return await read_offsets(connection, MARKS.name)

    async def _on_assigned(self, partitions: set[int]) -> None:
        self._places.assigned(partitions)
        _log.info("partitions_assigned", stage=STAGE, partitions=sorted(partitions))

    async def _on_revoked(self, partitions: set[int]) -> None:
        """Finish the transaction in flight, within the caller's deadline, and begin no other; a late one is fenced."""
        self._places.revoked()
        try:
            await self._settled.wait()
        finally:
            _log.info("partitions_revoked", stage=STAGE, partitions=sorted(partitions))

    async def _commit(self, consumer: Consumer, *, at_once: bool = False) -> None:
        if not at_once and self._clock.monotonic() - self._committed_at < COMMIT_SECONDS:
            return
        offsets = self._places.take_uncommitted()
        if not offsets:
            return
        self._committed_at = self._clock.monotonic()
        try:
            await consumer.commit(offsets)
        except (FencedError, UnavailableError) as error:
            _log.info("commit_postponed", stage=STAGE, error=str(error))

    async def _stored(
        self, consumer: Consumer, call: Callable[[], Awaitable[_T]], under_way: Awaitable[_T] | None = None
    ) -> _T:
        """The call's result, however long the store is away: we poll on, paused, so that we stay in the group.

        `under_way`: the first try, which has begun.
        """
        attempt = 0
        while True:
            try:
                return await (call() if under_way is None or attempt else under_way)
            except UnavailableError as error:
                _log.warning("store_unavailable", stage=STAGE, error=str(error))
            with self.health.waiting("store"):
                self._settled.set()  # nothing is in flight: partitions may go to another member
                consumer.pause(consumer.assignment)
                seconds = backoff_seconds(
                    attempt, base=_RETRY_BASE_SECONDS, cap=_RETRY_CAP_SECONDS, jitter=self._jitter()
                )
                await self._available("kafka", partial(consumer.poll, 1, seconds))
                consumer.resume(consumer.assignment - self._blocked)
            attempt += 1
            if self._stopping.is_set():
                raise _Stopped

    async def _available(self, dependency: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """The call's result, however long the dependency is away: a declared wait that a stop ends."""
        attempt = 0
        while True:
            try:
                return await call()
            except UnavailableError as error:
                _log.warning(f"{'log' if dependency == 'kafka' else dependency}_unavailable", error=str(error))
                with self.health.waiting(dependency):
                    await self._clock.sleep(
                        backoff_seconds(
                            attempt, base=_RETRY_BASE_SECONDS, cap=_RETRY_CAP_SECONDS, jitter=self._jitter()
                        )
                    )
                attempt += 1
                if self._stopping.is_set():
                    raise _Stopped from error


async def _lag(consumer: Consumer) -> int:
    return sum((await consumer.lag()).values())
