"""The dispatcher stage: marks from the log, each polled batch into the store as one transaction, and what follows sent.

It keeps no state: where it goes on is in the store, compared and swapped with every batch.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from random import Random
from typing import Final, TypeVar

import aiohttp

from config.files import Files
from schemas.errors import (
    ConfigurationError,
    FencedError,
    NewerSchemaError,
    RejectedError,
    StopError,
    UnavailableError,
)
from schemas.mention import split_key
from schemas.topics import MARKS
from workers.dispatcher.channels import open_channel
from workers.dispatcher.decode import decode_mark
from workers.dispatcher.delivery import Delivery
from workers.dispatcher.timers import Timers
from workers.incidents.change import to_millis
from workers.incidents.ingest import Arrival, Context, Outcome, context, ingest
from workers.log.contract import Consumer, CorruptRecordError, Log, Record
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.runtime.http_client import open_http_client
from workers.runtime.logging import get_logger
from workers.runtime.retry import backoff_seconds
from workers.store import Store
from workers.store.offsets import read_offsets

_log = get_logger(__name__)
_T = TypeVar("_T")

# All ours.
MAX_RECORDS: Final = 2_000  # one transaction: large enough to be cheap, small enough to hold its locks briefly
POLL_SECONDS: Final = 0.25  # how soon a drain is noticed while nothing comes
COMMIT_SECONDS: Final = 1.0  # the group's commit only feeds lag tools; the store's offset is the truth
NEWER_SCHEMA_SECONDS: Final = 15.0  # how often a record of a newer schema is looked at again: it may be removed
_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS = 0.1, 5.0


class _Stopped(Exception):  # noqa: N818  no fault: a sign within this file
    """A stop was asked for while a dependency was away."""


class DispatcherWorker:
    """Stores what comes, runs the incidents' timers, delivers what is due."""

    name = "dispatcher"

    def __init__(
        self,
        log: Log,
        store: Store,
        files: Files,
        clock: Clock,
        health: StageHealth,
        dead_letters: DeadLetters,
        owner: str | None = None,
    ) -> None:
        """`owner` names this replica in leases; the same over restarts where there is a name (static membership)."""
        self.health = health
        self.opened = 0
        """Incidents opened since the start; for the summary."""
        self._log, self._store, self._files, self._clock = log, store, files, clock
        self._dead_letters = dead_letters
        self._owner = owner or secrets.token_hex(8)
        self._jitter = Random().random  # noqa: S311  spreads retries, guards nothing
        self._expected: dict[int, int | None] = {}
        """What the store's offset of each partition of ours is, as far as we last read or wrote."""
        self._unplaced: set[int] = set()
        """Partitions that are ours and not yet placed where the store says."""
        self._settled = asyncio.Event()
        self._settled.set()
        self._generation = 0
        self._uncommitted: dict[int, int] = {}
        self._committed_at = 0.0
        self._blocked: set[int] = set()
        self._blocked_wait = ExitStack()
        self._look_again_at = 0.0
        self._stopping = asyncio.Event()
        self._delivery: Delivery | None = None

    @property
    def sent(self) -> int:
        """Notifications delivered since the start."""
        return self._delivery.sent if self._delivery else 0

    @property
    def failed(self) -> int:
        """Notifications given up since the start."""
        return self._delivery.failed if self._delivery else 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, finish what is in flight, return. Raises StopError at the stop rule."""
        self._stopping = stopping
        async with open_http_client() as client:
            self._delivery = self._new_delivery(client)
            timers = Timers(self._store, self._files, self._clock, self._delivery.wake)
            ended = asyncio.Event()
            ingesting = asyncio.create_task(self._ingest(), name="dispatcher-ingest")
            tasks = [
                ingesting,
                asyncio.create_task(self._delivery.run(ended), name="dispatcher-delivery"),
                asyncio.create_task(timers.run(ended), name="dispatcher-timers"),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if not ingesting.done():
                    ingesting.cancel()  # one of the others has failed: no half a dispatcher
            finally:
                ended.set()
                self._delivery.wake()
                results = await asyncio.gather(*tasks, return_exceptions=True)
        for failure in results:
            if isinstance(failure, Exception):
                raise failure

    def _new_delivery(self, client: aiohttp.ClientSession) -> Delivery:
        before = self._delivery
        delivery = Delivery(
            self._store,
            self._files,
            lambda receiver: open_channel(receiver, client, self._clock),
            self._clock,
            self.health,
            self._owner,
        )
        if before is not None:  # run again after a stop: the summary counts on
            delivery.sent, delivery.failed = before.sent, before.failed
        return delivery

    async def _ingest(self) -> None:
        self._expected, self._unplaced, self._uncommitted, self._blocked = {}, set(), {}, set()
        consumer: Consumer | None = None
        try:
            await self._available("kafka", self._dead_letters.open)
            consumer = await self._available("kafka", self._join)
            self.health.probe = lambda: _lag(consumer)
            self.health.started()
            while not self._stopping.is_set():
                await self._turn(consumer)
        except _Stopped:
            pass  # what was not stored comes again
        finally:
            self.health.probe = None
            self._blocked_wait.close()
            self._settled.set()
            if consumer is not None:
                await self._commit(consumer, at_once=True)
                await consumer.close()

    async def _join(self) -> Consumer:
        return await self._log.consumer(MARKS, self.name, on_assigned=self._on_assigned, on_revoked=self._on_revoked)

    async def _turn(self, consumer: Consumer) -> None:
        """One poll, and what comes of it."""
        if self._blocked and self._clock.monotonic() >= self._look_again_at:
            consumer.resume(set(self._blocked))
            self._blocked.clear()
            self._blocked_wait.close()
        if self._unplaced:
            await self._place(consumer)
        await self._commit(consumer)
        try:
            found = await self._available("kafka", lambda: consumer.poll(MAX_RECORDS, POLL_SECONDS))
        except CorruptRecordError as damage:
            await self._pass_damage(consumer, damage)
            return
        # What was fetched before its partition was placed may begin anywhere.
        batch = {p: records for p, records in found.items() if records and p in self._expected}
        if not batch:
            return
        self._settled.clear()
        try:
            await self._store_batch(consumer, batch)
        finally:
            self._settled.set()

    async def _store_batch(self, consumer: Consumer, batch: Mapping[int, Sequence[Record]]) -> None:
        generation = self._generation
        around = context(self._store.dialect, self._files.policy, self._files.brands, to_millis(self._clock.now()))
        arrivals, removals, ends, stop = await self._decode(consumer, batch, around)
        if ends:
            await self._store_decoded(consumer, around, arrivals, removals, ends, generation)
        if stop is not None:
            raise stop

    async def _store_decoded(
        self,
        consumer: Consumer,
        around: Context,
        arrivals: Sequence[Arrival],
        removals: Sequence[tuple[str, str]],
        ends: Mapping[int, int],
        generation: int,
    ) -> None:
        swaps = {p: (self._expected[p], end) for p, end in ends.items()}
        with metrics.STORE_SECONDS.time():
            try:
                outcome = await self._stored(consumer, lambda: self._transaction(around, swaps, arrivals, removals))
            except FencedError as error:
                metrics.FENCED.labels(self.name).inc()
                _log.warning("batch_fenced", error=str(error))
                self._unplaced |= set(self._expected)  # read the truth again before anything else
                self._expected.clear()
                return
        if generation == self._generation:
            self._expected.update(ends)
            self._uncommitted.update(ends)
        self._count(outcome, len(arrivals) + len(removals))
        if removals:
            await self._available("store", self._store.erase_traces)
        if outcome.due_at is not None and self._delivery is not None:
            self._delivery.wake()

    async def _transaction(
        self,
        around: Context,
        swaps: Mapping[int, tuple[int | None, int]],
        arrivals: Sequence[Arrival],
        removals: Sequence[tuple[str, str]],
    ) -> Outcome:
        async with self._store.write() as connection:
            return await ingest(connection, around, MARKS.name, swaps, arrivals, removals)

    async def _decode(
        self, consumer: Consumer, batch: Mapping[int, Sequence[Record]], around: Context
    ) -> tuple[list[Arrival], list[tuple[str, str]], dict[int, int], StopError | None]:
        """The batch's arrivals and removals, and where each partition goes on; what can't be read is put aside.

        Where the stop rule holds from some record on, the rest is left and the stop returned: what came before it is
        stored, and must not come again after the stop is lifted.
        """
        arrivals: list[Arrival] = []
        removals: list[tuple[str, str]] = []
        ends: dict[int, int] = {}
        good = 0
        now = self._clock.now()
        for partition, records in batch.items():
            for record in records:
                if record.value is None:
                    removals.append(split_key(record.key or b""))
                else:
                    try:
                        arrivals.append(decode_mark(record.value, around.rules, now, record.headers))
                    except NewerSchemaError as error:
                        self._block(consumer, partition, record.offset, str(error))
                        break
                    except RejectedError as error:
                        self._dead_letters.succeeded(len(arrivals) - good)
                        good = len(arrivals)
                        try:
                            await self._put_aside(record, str(error))
                        except StopError as stop:
                            return arrivals, removals, ends | {partition: record.offset + 1}, stop
                ends[partition] = record.offset + 1
        self._dead_letters.succeeded(len(arrivals) - good)
        return arrivals, removals, ends, None

    async def _put_aside(self, record: Record, fault: str) -> None:
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        key, headers = record.key or b"", record.headers
        await self._available("kafka", lambda: self._dead_letters.put(key, record.value, fault, where, headers))

    async def _pass_damage(self, consumer: Consumer, damage: CorruptRecordError) -> None:
        """What fails its checksum can't be read by anybody: a letter names the offsets, and reading goes on."""
        _log.error("record_damaged", topic=damage.topic, partition=damage.partition, offset=damage.offset)
        where = {"topic": damage.topic, "partition": damage.partition, "offset": damage.offset}
        fault = f"the log's records {damage.offset} to {damage.next_offset - 1} fail their checksum"
        await self._available("kafka", lambda: self._dead_letters.put(b"", None, fault, where))
        consumer.seek(damage.partition, damage.next_offset)

    def _block(self, consumer: Consumer, partition: int, offset: int, why: str) -> None:
        """Stand still before this record, not ready, until a newer release takes over or it is removed."""
        if not self._blocked:
            self._blocked_wait.enter_context(self.health.waiting("a newer release: its schema is not known here"))
        self._blocked.add(partition)
        self._look_again_at = self._clock.monotonic() + NEWER_SCHEMA_SECONDS
        consumer.seek(partition, offset)
        consumer.pause({partition})
        _log.error("newer_schema_met", stage=self.name, partition=partition, offset=offset, why=why)

    def _count(self, outcome: Outcome, records: int) -> None:
        self.opened += len(outcome.opened)
        for incident, trace in outcome.opened:
            metrics.INCIDENTS_OPENED.labels(incident.scope).inc()
            _log.info("incident_opened", incident=incident.id, key=incident.key, kind=incident.kind, trace=trace)
        metrics.MARKS_STORED.inc(outcome.stored)
        self.health.moved(records)

    async def _place(self, consumer: Consumer) -> None:
        """Seek each new partition to where the store says; what is gone below the log's start is told, not hidden."""
        wanted = self._unplaced & consumer.assignment
        self._unplaced.clear()
        if not wanted:
            return
        stored = await self._stored(consumer, self._read_offsets)
        there = await self._available("kafka", lambda: self._log.offsets(MARKS))
        for partition in sorted(wanted & consumer.assignment):
            first, end = there[partition]
            expected = stored.get(partition)
            if expected is not None and expected > end:
                raise ConfigurationError(
                    f"{MARKS.name}, partition {partition}: the store goes on at offset {expected}, the topic ends at "
                    f"{end}: it was made anew; if that is meant, run `hikeshi topics create --reset-offsets`"
                )
            if expected is not None and expected < first:
                _log.error("marks_lost", partition=partition, first_lost=expected, first_there=first)
            consumer.seek(partition, max(expected or 0, first))
            self._expected[partition] = expected

    async def _read_offsets(self) -> dict[int, int]:
        async with self._store.read() as connection:
            return await read_offsets(connection, MARKS.name)

    async def _on_assigned(self, partitions: set[int]) -> None:
        self._unplaced |= partitions
        for partition in partitions:
            self._expected.pop(partition, None)
        _log.info("partitions_assigned", stage=self.name, partitions=sorted(partitions))

    async def _on_revoked(self, partitions: set[int]) -> None:
        """Finish the transaction in flight, within the caller's deadline; a late one is fenced by the store."""
        try:
            await self._settled.wait()
        finally:
            self._generation += 1
            self._expected.clear()
            self._uncommitted.clear()
            _log.info("partitions_revoked", stage=self.name, partitions=sorted(partitions))

    async def _commit(self, consumer: Consumer, *, at_once: bool = False) -> None:
        if not self._uncommitted or not (at_once or self._clock.monotonic() - self._committed_at >= COMMIT_SECONDS):
            return
        offsets, self._uncommitted = self._uncommitted, {}
        self._committed_at = self._clock.monotonic()
        try:
            await consumer.commit(offsets)
        except (FencedError, UnavailableError) as error:
            _log.info("commit_postponed", stage=self.name, error=str(error))

    async def _stored(self, consumer: Consumer, call: Callable[[], Awaitable[_T]]) -> _T:
        """The call's result, however long the store is away: we poll on, paused, so that we stay in the group."""
        attempt = 0
        while True:
            try:
                return await call()
            except UnavailableError as error:
                _log.warning("store_unavailable", stage=self.name, error=str(error))
            with self.health.waiting("store"):
                self._settled.set()  # nothing is in flight: partitions may go to another member
                consumer.pause(consumer.assignment)
                seconds = backoff_seconds(
                    attempt, base=_RETRY_BASE_SECONDS, cap=_RETRY_CAP_SECONDS, jitter=self._jitter()
                )
                await self._available("kafka", lambda s=seconds: consumer.poll(1, s))  # type: ignore[misc]
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
