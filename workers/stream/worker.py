"""The stream stage: lines of the source become mentions on the log; nothing counts as seen before the log has it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict
from functools import partial
from random import Random
from typing import Final, TypeVar

from config.brands import Brand
from config.files import Files
from schemas.errors import UnavailableError
from schemas.mention import rfc3339
from schemas.topics import MENTIONS
from workers.log.contract import Log
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.retry import backoff_seconds
from workers.runtime.stopping import unless
from workers.stream.counts import OUTCOMES, Counts
from workers.stream.intake import Intake, Prepared
from workers.stream.match import Matcher
from workers.stream.parse import BadPost
from workers.stream.seen import CAPACITY, Revisions, Seen, rebuild
from workers.stream.source import Line, Source

_log = get_logger(__name__)
_T = TypeVar("_T")

_POSTS_BETWEEN_TURNS: Final = 100  # ours: some 3 ms of work before other tasks get their turn
_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS = 0.1, 5.0  # ours: the log is local or near, and a back log costs time
_LETTERS_AT_A_TIME: Final = 50  # ours


class StreamWorker:
    """Reads, parses, matches and publishes. One batch is on its way to the log while the next is prepared."""

    name = "stream"

    def __init__(
        self,
        log: Log,
        source: Source,
        files: Files,
        clock: Clock,
        health: StageHealth,
        dead_letters: DeadLetters,
        *,
        seen_capacity: int = CAPACITY,
    ) -> None:
        self.health = health
        self.counts = Counts()
        """Everything acknowledged since the start; for the summary."""
        self.source_ended = asyncio.Event()
        """Set once the source has ended and all of it is on the log."""
        self._log, self._source, self._files, self._clock = log, source, files, clock
        self._dead_letters, self._seen_capacity = dead_letters, seen_capacity
        self._jitter = Random().random  # noqa: S311 - spreads retries, guards nothing
        self._seen = Seen(seen_capacity)
        self._brands: Sequence[Brand] = ()
        self._in_flight: dict[str, Revisions] = {}
        self._publishing: asyncio.Task[None] | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, finish what is in flight, return. At the source's end: stay, idle."""
        intake = await unless(stopping, self._start())
        if intake is None:
            return
        ending = asyncio.Event()
        follower = asyncio.create_task(_follow(stopping, ending))
        try:
            await self._work(intake, ending)
            await self._published()
        finally:
            follower.cancel()
            await self._abandon()
        if not stopping.is_set():
            self.source_ended.set()
            _log.info("source_ended", source=self._source.name, **asdict(self.counts))
        await stopping.wait()

    async def _start(self) -> Intake:
        await self._available(self._dead_letters.open)
        began = self._clock.monotonic()
        self._seen = await self._available(lambda: rebuild(self._log, MENTIONS, self._seen_capacity))
        partitions = await self._available(lambda: self._log.partitions(MENTIONS))
        _log.info("seen_rebuilt", posts=len(self._seen), seconds=round(self._clock.monotonic() - began, 3))
        intake = Intake(await self._matcher(), self._seen, self._source.name, partitions)
        self.health.started()
        return intake

    async def _matcher(self) -> Matcher:
        """The matcher of the brands now in force; 10,000 keywords take some 60 ms to build."""
        self._brands = self._files.brands
        return await asyncio.to_thread(Matcher, self._brands)

    async def _work(self, intake: Intake, ending: asyncio.Event) -> None:
        async with aclosing(self._source.batches(ending)) as batches:
            async for lines in batches:
                if self._files.brands is not self._brands:
                    intake.use(await self._matcher())
                    _log.info("brands_changed", brands=len(self._brands))
                self.health.lag += len(lines)
                prepared = await self._prepare(intake, lines)
                await self._published()
                self._in_flight = prepared.staged
                self._publishing = asyncio.create_task(self._publish(prepared, ending), name="stream-publish")

    async def _prepare(self, intake: Intake, lines: Sequence[Line]) -> Prepared:
        prepared = Prepared()
        received_at = rfc3339(self._clock.now())
        for posts, _ in enumerate(intake.steps(lines, received_at, self._in_flight, prepared), start=1):
            if posts % _POSTS_BETWEEN_TURNS == 0:
                await asyncio.sleep(0)
        return prepared

    async def _publish(self, prepared: Prepared, ending: asyncio.Event) -> None:
        """Write until the log has acknowledged it all; only then is it counted and seen."""
        try:
            if prepared.records:
                await self._available(lambda: self._log.produce(MENTIONS, prepared.records))
            await self._put_aside(prepared.bad)
        except BaseException:
            ending.set()  # a silent source would hide the failure until its next line
            raise
        for post_id, revisions in prepared.staged.items():
            self._seen.put(post_id, revisions)
        self._source.acknowledged(prepared.lines)
        self._count(prepared)

    async def _put_aside(self, bad: Sequence[tuple[Line, BadPost]]) -> None:
        """Dead letters of the bad posts, each post of a line once; some at a time, since each waits for the log."""
        letters = list(
            {(self._source.where(line).get("line"), post.payload): (line, post) for line, post in bad}.values()
        )
        for start in range(0, len(letters), _LETTERS_AT_A_TIME):
            together = letters[start : start + _LETTERS_AT_A_TIME]
            await asyncio.gather(*(self._available(partial(self._put_letter, *letter)) for letter in together))

    async def _put_letter(self, line: Line, bad: BadPost) -> None:
        await self._dead_letters.put(b"", bad.payload, bad.fault, self._source.where(line))

    def _count(self, prepared: Prepared) -> None:
        counts = prepared.counts
        self.counts.add(counts)
        for outcome in OUTCOMES:
            if number := getattr(counts, outcome):
                metrics.POSTS_READ.labels(outcome).inc(number)
        metrics.MENTIONS_PUBLISHED.inc(counts.mentions)
        self._dead_letters.succeeded(counts.read - counts.bad)
        self.health.moved(len(prepared.lines))
        self.health.lag -= len(prepared.lines)

    async def _published(self) -> None:
        """Wait for the batch on its way; raises what it raised."""
        if self._publishing is not None:
            await self._publishing
            self._publishing, self._in_flight = None, {}

    async def _abandon(self) -> None:
        """After a failure or at the end of the drain's time: what is unacknowledged was never counted as seen."""
        publishing, self._publishing, self._in_flight = self._publishing, None, {}
        if publishing is not None:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        self.health.lag = 0

    async def _available(self, action: Callable[[], Awaitable[_T]]) -> _T:
        """The action's result, however long the log is away. The source is not read on meanwhile."""
        try:
            return await action()
        except UnavailableError as error:
            _log.warning("log_unavailable", error=str(error))
        attempt = 0
        with self.health.waiting("log"):
            while True:
                await self._clock.sleep(
                    backoff_seconds(attempt, base=_RETRY_BASE_SECONDS, cap=_RETRY_CAP_SECONDS, jitter=self._jitter())
                )
                try:
                    result = await action()
                except UnavailableError:
                    attempt += 1
                    continue
                _log.info("log_available", attempts=attempt + 2)
                return result


async def _follow(first: asyncio.Event, second: asyncio.Event) -> None:
    await first.wait()
    second.set()
