"""The classifier stage: mentions from the log, marks back to it, whole batches at a time, off the event loop."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from random import Random
from typing import Any, Final, TypeVar

from config.brands import Brand
from config.files import Files
from schemas.errors import FencedError, StopError, UnavailableError
from schemas.topics import MARKS, MENTIONS
from workers.classifier.batch import Marked, Marker, mark_batch, without_too_large
from workers.classifier.judge import Judge
from workers.classifier.lessons import LessonReader
from workers.incidents.teaching import Taught
from workers.log.contract import Consumer, CorruptRecordError, Log, Record, RecordTooLargeError
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.retry import backoff_seconds

_log = get_logger(__name__)
_T = TypeVar("_T")
Headers = Sequence[tuple[str, bytes]]

# All ours.
MAX_RECORDS: Final = 2_000  # a batch: enough to make the hand-over to the thread cheap
POLL_SECONDS: Final = 0.25  # how soon a drain is noticed while nothing comes
_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS = 0.1, 5.0
NEWER_SCHEMA_SECONDS: Final = 15.0  # how often a record of a newer schema is looked at again: it may be removed


class _Dropped(Exception):  # noqa: N818 - no fault: a sign within this file
    """The batch's partitions were taken away: it comes again to their new owner."""


class ClassifierWorker:
    """Polls, hands each batch to one thread, writes the marks, commits. One batch is written while the next is
    classified.

    Why a thread and not a pool of processes: the heavy parts (msgspec, numpy, the encoder) release the interpreter's
    lock or are short; a pool would pickle every batch twice and load the weights once a process. Why one: batches
    stay in order. More than one core is what more members of the group are for.
    """

    name = "classifier"

    def __init__(
        self,
        log: Log,
        classifier: Marker,
        files: Files,
        clock: Clock,
        health: StageHealth,
        dead_letters: DeadLetters,
        lessons: LessonReader | None = None,
    ) -> None:
        self.health = health
        self.marks = 0
        """Marks that the log acknowledged since the start; for the summary."""
        self._log, self._classifier, self._files, self._clock = log, classifier, files, clock
        self._dead_letters = dead_letters
        self._lessons = lessons
        self._taught: Sequence[Taught] = ()
        self._jitter = Random().random  # noqa: S311 - spreads retries, guards nothing
        self._brands: Sequence[Brand] = ()
        self._own: dict[str, frozenset[str]] = {}
        self._partitions = 1
        self._generation = 0  # grows when partitions are taken away: what began before is dropped
        self._in_flight = 0  # batches polled and neither finished nor dropped
        self._settled = asyncio.Event()  # there are none
        self._settled.set()
        self._publishing: asyncio.Task[None] | None = None
        self._uncommitted: dict[int, int] = {}
        self._blocked: dict[int, int] = {}
        self._blocked_wait = ExitStack()
        self._look_again_at = 0.0
        self._stopping = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, finish what is in flight, return. Raises StopError at the stop rule."""
        self._stopping = stopping
        self._uncommitted, self._blocked = {}, {}
        executor = ThreadPoolExecutor(1, thread_name_prefix="hikeshi-classifier")
        watching: asyncio.Task[None] | None = None
        try:
            await self._available(self._dead_letters.open)
            self._partitions = await self._available(lambda: self._log.partitions(MARKS))
            if self._lessons is not None:
                await self._lessons.begin()
                watching = asyncio.create_task(self._lessons.watch(), name="classifier-lessons")
            consumer = await self._available(self._join)
            try:
                await self._work(consumer, executor)
            finally:
                self.health.probe = None
                await self._abandon()
                await consumer.close()
        except _Dropped:
            return  # told to stop while the log was away: what was not committed comes again
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            self._blocked_wait.close()
            executor.shutdown(wait=False, cancel_futures=True)

    async def _join(self) -> Consumer:
        return await self._log.consumer(MENTIONS, self.name, on_assigned=self._on_assigned, on_revoked=self._on_revoked)

    async def _work(self, consumer: Consumer, executor: ThreadPoolExecutor) -> None:
        self.health.probe = lambda: _lag(consumer)
        self.health.started()
        try:
            while not self._stopping.is_set():
                await self._turn(consumer, executor)
            await self._published()
        finally:
            await self._commit(consumer)  # at the stop rule too: what was put aside must not come again

    async def _turn(self, consumer: Consumer, executor: ThreadPoolExecutor) -> None:
        """One poll, and what comes of it."""
        self._unblock(consumer)
        if self._publishing is None or self._publishing.done():
            await self._published()
            await self._commit(consumer)
        try:
            found = await self._available(lambda: consumer.poll(MAX_RECORDS, POLL_SECONDS))
        except CorruptRecordError as damage:
            await self._published()
            await self._put_damage_aside(consumer, damage)
            return
        if not found:
            return
        self._begin()
        try:
            await self._handle(consumer, executor, found)
        except (_Dropped, FencedError):
            self._count_drop()
            self._end()
        except BaseException:
            self._end()
            raise

    async def _handle(
        self, consumer: Consumer, executor: ThreadPoolExecutor, found: Mapping[int, Sequence[Record]]
    ) -> None:
        """Classify in the thread, then write and commit beside the next poll."""
        generation = self._generation
        records = [record for of_partition in found.values() for record in of_partition]
        ends = {partition: of_partition[-1].offset + 1 for partition, of_partition in found.items()}
        await self._prepare(executor)
        with metrics.CLASSIFY_SECONDS.time():
            marked = await asyncio.get_running_loop().run_in_executor(
                executor, mark_batch, self._classifier, records, self._own, self._partitions
            )
        await self._published()
        self._check(generation)
        if marked.newer:
            self._block(consumer, marked.newer)
        publish = self._publish(consumer, marked, ends | marked.newer, generation)
        self._publishing = asyncio.create_task(publish, name="classifier-publish")

    async def _prepare(self, executor: ThreadPoolExecutor) -> None:
        """What there is to judge by may be newer than at the last batch: the brands, what users taught."""
        brands, taught = self._files.brands, self._lessons.taught if self._lessons is not None else self._taught
        if brands is self._brands and taught is self._taught:
            return
        self._own = {brand.id: frozenset(brand.own) for brand in brands if brand.own}
        if isinstance(self._classifier, Judge):
            await asyncio.get_running_loop().run_in_executor(executor, self._classifier.prepare, brands, taught)
        self._brands, self._taught = brands, taught

    async def _publish(self, consumer: Consumer, marked: Marked, ends: dict[int, int], generation: int) -> None:
        """Marks, then dead letters, then offsets: nothing is passed over that the log has not acknowledged."""
        try:
            marked = await self._produce(marked, generation)
            try:
                await self._put_aside(marked, ends)
            except StopError:
                self._uncommitted |= ends
                raise
            self._check(generation)
            self._uncommitted |= ends
            self._count(marked)
            await self._commit(consumer)
        except _Dropped:
            self._count_drop()
        finally:
            self._end()

    async def _produce(self, marked: Marked, generation: int) -> Marked:
        try:
            await self._available(lambda: self._log.produce(MARKS, marked.outgoing), generation)
            return marked
        except RecordTooLargeError:
            smaller = without_too_large(marked)
        await self._available(lambda: self._log.produce(MARKS, smaller.outgoing), generation)
        return smaller

    async def _put_aside(self, marked: Marked, ends: dict[int, int]) -> None:
        """Dead letters, and the good records between them told, in the batch's order. At the stop rule `ends` is put
        back to what was handled: the rest comes again, and what was put aside must not."""
        told = 0
        for index, (number, record, fault) in enumerate(marked.bad):
            self._dead_letters.succeeded(number - told)
            told = number + 1
            where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            try:
                await self._put_letter(record.key or b"", record.value, fault, where, record.headers)
            except StopError:
                for later in reversed(marked.bad[index + 1 :]):
                    ends[later.record.partition] = later.record.offset
                raise
        self._dead_letters.succeeded(len(marked.handled) - told)

    async def _put_letter(
        self, key: bytes, payload: bytes | None, fault: str, where: Mapping[str, Any], headers: Headers = ()
    ) -> None:
        await self._available(lambda: self._dead_letters.put(key, payload, fault, where, headers))

    async def _put_damage_aside(self, consumer: Consumer, damage: CorruptRecordError) -> None:
        """What fails its checksum can't be read by anybody: a letter names the offsets, and reading goes on."""
        _log.error("record_damaged", topic=damage.topic, partition=damage.partition, offset=damage.offset)
        where = {"topic": damage.topic, "partition": damage.partition, "offset": damage.offset}
        fault = f"the log's records {damage.offset} to {damage.next_offset - 1} fail their checksum"
        try:
            await self._put_letter(b"", None, fault, where)
        finally:
            self._uncommitted[damage.partition] = damage.next_offset
        consumer.seek(damage.partition, damage.next_offset)

    def _count(self, marked: Marked) -> None:
        kinds = Counter(kind for kind in marked.kinds if kind is not None)
        self.marks += kinds.total()
        for kind, number in kinds.items():
            metrics.MARKS_PUBLISHED.labels(kind).inc(number)
        self.health.moved(len(marked.handled))

    def _count_drop(self) -> None:
        metrics.FENCED.labels(self.name).inc()
        _log.info("batch_dropped", stage=self.name)

    async def _commit(self, consumer: Consumer) -> None:
        """Commit what is done. While the log is away, later: the next turn tries again."""
        offsets, self._uncommitted = self._uncommitted, {}
        if not offsets:
            return
        try:
            await consumer.commit(offsets)
        except FencedError:
            self._count_drop()  # the new owner does it again: the same marks on the same keys
        except UnavailableError as error:
            _log.info("commit_postponed", stage=self.name, error=str(error))
            self._uncommitted = offsets | self._uncommitted

    async def _published(self) -> None:
        """Wait for the batch that is being written; its failure is ours."""
        task, self._publishing = self._publishing, None
        if task is not None:
            await task

    async def _abandon(self) -> None:
        task, self._publishing = self._publishing, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._in_flight = 0
        self._settled.set()

    def _begin(self) -> None:
        self._in_flight += 1
        self._settled.clear()

    def _end(self) -> None:
        self._in_flight -= 1
        if self._in_flight == 0:
            self._settled.set()

    def _check(self, generation: int) -> None:
        if generation != self._generation:
            raise _Dropped

    async def _on_revoked(self, partitions: set[int]) -> None:
        """Finish what is in flight; what can't be finished within the caller's deadline is dropped."""
        try:
            await self._settled.wait()
        finally:
            self._generation += 1
            self._uncommitted.clear()
            _log.info("partitions_revoked", stage=self.name, partitions=sorted(partitions))

    async def _on_assigned(self, partitions: set[int]) -> None:
        # What is blocked stays paused, over a rebalance too, until the next look.
        self._blocked = {partition: offset for partition, offset in self._blocked.items() if partition in partitions}
        if not self._blocked:
            self._blocked_wait.close()
        _log.info("partitions_assigned", stage=self.name, partitions=sorted(partitions))

    def _block(self, consumer: Consumer, newer: Mapping[int, int]) -> None:
        """Stand still before these records, not ready, until a newer release takes over or they are removed."""
        if not self._blocked:
            self._blocked_wait.enter_context(self.health.waiting("a release that knows the schema of what it met"))
        self._look_again_at = self._clock.monotonic() + NEWER_SCHEMA_SECONDS
        for partition, offset in newer.items():
            consumer.seek(partition, offset)
        self._blocked |= newer
        consumer.pause(set(newer))
        _log.error("newer_schema_met", stage=self.name, topic=MENTIONS.name, offsets=dict(newer))

    def _unblock(self, consumer: Consumer) -> None:
        if self._blocked and self._clock.monotonic() >= self._look_again_at:
            consumer.resume(set(self._blocked))
            self._blocked.clear()
            self._blocked_wait.close()

    async def _available(self, call: Callable[[], Awaitable[_T]], generation: int | None = None) -> _T:
        """The call's result, however long the log is away: a declared wait, ended by a stop or a revocation."""
        with ExitStack() as wait:
            for attempt in count():
                try:
                    return await call()
                except UnavailableError as error:
                    _log.warning("log_unavailable", stage=self.name, error=str(error))
                    if attempt == 0:  # one wait over all attempts
                        wait.enter_context(self.health.waiting("the log"))
                if self._stopping.is_set():
                    raise _Dropped
                if generation is not None:
                    self._check(generation)
                base, cap = _RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS
                await self._clock.sleep(backoff_seconds(attempt, base=base, cap=cap, jitter=self._jitter()))
        raise AssertionError  # the loop has no end


async def _lag(consumer: Consumer) -> int:
    return sum((await consumer.lag()).values())
