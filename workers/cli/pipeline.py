"""Puts the stages together: all of them for `run`, one for a `worker`."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text

from config.faults import Fault
from config.files import Files
from config.settings import Settings
from schemas.mention import rfc3339
from schemas.topics import MARKS, MENTIONS
from workers.classifier.judge import load_judge
from workers.classifier.lessons import LessonReader
from workers.classifier.worker import ClassifierWorker
from workers.cli.house import House
from workers.cli.source_choice import SourceName
from workers.cli.stages import OPTIONAL, STAGES
from workers.cli.x_ops import ops_teller
from workers.console.worker import open_console
from workers.dispatcher.standby import Directly, Standby
from workers.dispatcher.worker import DispatcherWorker
from workers.incidents.auditor import Auditor
from workers.incidents.change import to_millis
from workers.incidents.link_secret import link_maker
from workers.incidents.links import NO_LINKS
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.service import Stage
from workers.steward.worker import StewardWorker
from workers.store.reports import report_worker
from workers.stream.replay import ReplaySource
from workers.stream.sample import SampleSource
from workers.stream.source import Source
from workers.stream.worker import StreamWorker
from workers.stream.x.source import XSource

_log = get_logger(__name__)

OpenSource = Callable[[House, StageHealth], Awaitable[Source]]


class Pipeline:
    """The stages of this process with their health, dead letters and counts."""

    def __init__(self, settings: Settings, files: Files, clock: Clock, *, only: str | None = None) -> None:
        self.settings, self.files, self.clock = settings, files, clock
        self._health = {name: StageHealth(name, clock) for name in STAGES if only in (None, name)}
        self.stages: list[tuple[Stage, DeadLetters | None]] = []
        self.house: House | None = None
        self.stream: StreamWorker | None = None
        self.classifier: ClassifierWorker | None = None
        self.dispatcher: DispatcherWorker | None = None
        self._links = NO_LINKS
        self.started_at = clock.now()
        self._started = clock.monotonic()

    @property
    def healths(self) -> list[StageHealth]:
        """Of each stage of this process, there before the stages are."""
        return list(self._health.values())

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self.clock.monotonic() - self._started

    @property
    def dead_letters(self) -> int:
        """Letters put in this run."""
        return sum(letters.put_total for _, letters in self.stages if letters is not None)

    @contextmanager
    def waiting(self, dependency: str) -> Iterator[None]:
        """A wait of the whole process."""
        with ExitStack() as waits:
            for health in self.healths:
                waits.enter_context(health.waiting(dependency))
            yield

    async def build(self, house: House, open_source: OpenSource | None) -> None:
        """Make the stages on this log and store."""
        self.house = house
        log, files, clock = house.log, self.files, self.clock
        if (health := self._health.get("stream")) and open_source is not None:
            source = await open_source(house, health)
            letters = DeadLetters(log, MENTIONS, "stream", clock)
            self.stream = StreamWorker(log, source, files, clock, health, letters)
            self.stages.append((self.stream, letters))
        if health := self._health.get("classifier"):
            letters = DeadLetters(log, MENTIONS, "classifier", clock)
            judge = await asyncio.to_thread(load_judge)  # reads weights from the disk
            lessons = LessonReader(house.store, clock)
            self.classifier = ClassifierWorker(log, judge, files, clock, health, letters, lessons)
            self.stages.append((self.classifier, letters))
        if health := self._health.get("dispatcher"):
            letters = DeadLetters(log, MARKS, "dispatcher", clock)
            owner = self.owner("dispatcher")
            self._links = await link_maker(self.settings, house.store)
            self.dispatcher = DispatcherWorker(log, house.store, files, clock, health, letters, owner, self._links)
            self.stages.append((self.dispatcher, letters))
        if health := self._health.get("steward"):
            owner = self.owner("steward")
            self.stages.append((StewardWorker(log, house.store, files, self.settings, clock, health, owner), None))
        if health := self._health.get("console"):
            self._links = await link_maker(self.settings, house.store)
            console = await open_console(self.settings, house.store, files, clock, health, self._links)
            self.stages.append((console, None))

    def owner(self, stage: str) -> str | None:
        """A name that outlives a restart, by which a stage finds its own leases again; without one they run out."""
        if self.settings.mode == "embedded":
            return "embedded"
        instance = self.settings.kafka.instance
        return f"{instance}-{stage}" if instance else None

    async def report_worker(self, worker_id: str, stage: str, state: dict[str, Any]) -> None:
        """Write a row for `hikeshi status`."""
        if self.house is not None:
            await report_worker(self.house.store, worker_id, stage, state, to_millis(self.clock.now()))

    async def watch_files(self) -> None:
        """Bring changed files into force; a refused one is told and the old one kept."""
        await self.files.watch(self._changed, self._refused, self.clock.sleep)

    async def audit(self) -> None:
        """Look whether all is well, where the dispatcher or the console runs: one such process at a time does."""
        if self.house is None or not {"dispatcher", "console"} & self._health.keys():
            return
        url = self.settings.heartbeat.url
        auditor = Auditor(
            self.house.store,
            self.house.log,
            self.files,
            self.clock,
            [stage for stage in STAGES if stage not in OPTIONAL],
            url.get_secret_value() if url else None,
            directly=Directly(self.files, self.clock),
        )
        await auditor.run()

    async def stand_by(self) -> None:
        """Deliver in the console's process while no dispatcher does."""
        console = self._health.get("console")
        if self.house is None or console is None or "dispatcher" in self._health:
            return
        owner = self.owner("console") or secrets.token_hex(8)
        await Standby(self.house.store, self.files, self.clock, console, owner, self._links).run()

    def _changed(self) -> None:
        metrics.CONFIGURATION_REFUSED.set(0)
        for health in self.healths:
            health.facts.pop("configuration_refused", None)
        _log.info("configuration_changed")

    def _refused(self, faults: list[Fault]) -> None:
        metrics.CONFIGURATION_REFUSED.set(1)
        for health in self.healths:
            health.facts["configuration_refused"] = str(faults[0])  # the self-audit tells ops
        said = [str(fault) for fault in faults]
        _log.error("configuration_refused", kept="the files as they were before", faults=said)


def source_opener(pipeline: Pipeline, name: SourceName, *, of_run: bool, episode_alone: bool = False) -> OpenSource:
    """Opens the source once the store is there; a file that can't be read is told now, before anything starts.

    `of_run`: what X refuses before its first connection ends the process; a worker stays up.
    """
    settings, clock = pipeline.settings, pipeline.clock
    if name == "replay":
        replay = ReplaySource(settings.replay.file or "-", settings.replay.speed, clock)

        async def open_replay(_: House, __: StageHealth) -> Source:
            return replay

        return open_replay
    if name == "x":

        async def open_x(house: House, health: StageHealth) -> Source:
            files, owner = pipeline.files, pipeline.owner("stream")
            return XSource(
                settings.x, house.store, lambda: files.brands, health, clock,
                owner=owner, fail_first=of_run, tell_ops=ops_teller(house, files),
            )  # fmt: skip

        return open_x

    async def open_sample(house: House, _: StageHealth) -> Source:
        return SampleSource(await _sample_started_at(house), clock, episode_alone=episode_alone)

    return open_sample


async def _sample_started_at(house: House) -> datetime:
    """When the store first ran the sample: a restart goes on from there and doubles nothing."""
    async with house.store.write() as connection:
        await connection.execute(
            text("INSERT INTO meta (name, value) VALUES ('sample_started_at', :now) ON CONFLICT (name) DO NOTHING"),
            {"now": rfc3339(house.clock.now())},
        )
        found = await connection.execute(text("SELECT value FROM meta WHERE name = 'sample_started_at'"))
        return datetime.fromisoformat(found.scalar_one())
