"""What the log's and the classifier stage's benchmarks share: a trivial classifier, a stage on any log, a table."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from schemas.mark import KINDS, Verdict
from schemas.topics import MENTIONS
from workers.classifier.model import Post
from workers.classifier.worker import ClassifierWorker
from workers.log.contract import Log
from workers.runtime.clock import SystemClock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth


class TrivialClassifier:
    """The same verdict for all: what is measured is everything around it."""

    version = "trivial"

    def classify(self, posts: Sequence[Post]) -> list[Verdict]:
        verdict = Verdict(
            lang="ja",
            kind="complaint",
            scores=dict.fromkeys(KINDS, 0.0) | {"complaint": 1.0},
            negative=1.0,
            severity="low",
            influence="none",
            reasons=["reads as a complaint"],
        )
        return [verdict] * len(posts)


class Measure(NamedTuple):
    """A run: messages a second, and the client's CPU time for each (which a busy machine changes less)."""

    rate: float
    cpu_micros: float


class Meter:
    """Begins at the first messages, so that joining a group isn't counted."""

    def __init__(self, messages_before: int) -> None:
        self._before, self._wall, self._cpu = messages_before, time.perf_counter(), time.process_time()

    def measure(self, messages: int) -> Measure:
        """How it went, from the beginning until so many messages were done."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        counted = messages - self._before
        return Measure(counted / wall, cpu / counted * 1e6)


async def run_stage(log: Log, count: int) -> Measure:
    """Let the stage mark so many mentions and commit them."""
    clock = SystemClock()
    letters = DeadLetters(log, MENTIONS, "classifier", clock)
    health = StageHealth("classifier", clock)
    files: Any = SimpleNamespace(brands=())
    worker = ClassifierWorker(log, TrivialClassifier(), files, clock, health, letters)
    stopping = asyncio.Event()
    task = asyncio.create_task(worker.run(stopping))
    await _marked(worker, 1)
    meter = Meter(worker.marks)
    await _marked(worker, count)
    measure = meter.measure(count)
    stopping.set()
    await task
    return measure


async def _marked(worker: ClassifierWorker, count: int) -> None:
    while worker.marks < count:  # noqa: ASYNC110 - the worker tells nobody, and must not for the sake of this
        await asyncio.sleep(0.002)


def table(rows: Mapping[str, Sequence[Measure]], header: str) -> str:
    """Rates (one each run) as Markdown, with each row's best and its ratio to the first row's."""
    best = max(one.rate for one in next(iter(rows.values())))
    lines = [f"| {header} | best | runs | of the first | CPU of the client, µs each |", "|---|---|---|---|---|"]
    for name, runs in rows.items():
        top = max(one.rate for one in runs)
        each = ", ".join(f"{one.rate:,.0f}" for one in runs)
        cpu = min(one.cpu_micros for one in runs)
        lines.append(f"| {name} | {top:,.0f} | {each} | {top / best:.0%} | {cpu:.1f} |")
    return "\n".join(lines)
