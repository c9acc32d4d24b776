"""Looks at the stages and the event loop once a second: metrics, lag, and rows for `hikeshi status`."""

import asyncio
import os
import platform
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from schemas.errors import HikeshiError
from schemas.mention import rfc3339
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.http_client import release
from workers.runtime.logging import get_logger

_log = get_logger(__name__)

ReportWorker = Callable[[str, str, dict[str, Any]], Awaitable[None]]

_BEAT_SECONDS: Final = 0.25
_LOOK_SECONDS: Final = 1.0
_PROBE_SECONDS: Final = 5.0  # how often the lag is measured from outside, and how long that may take
REPORT_SECONDS: Final = 5.0  # `hikeshi status` calls a worker away after a few of these


async def watch_loop(clock: Clock, beat: Callable[[], None]) -> None:
    """Measure how late the loop runs a timer, and tell the watchdog that it runs at all."""
    while True:
        before = clock.monotonic()
        await clock.sleep(_BEAT_SECONDS)
        metrics.LOOP_LAG.observe(max(0.0, clock.monotonic() - before - _BEAT_SECONDS))
        beat()


async def watch_stages(healths: Sequence[StageHealth], clock: Clock) -> None:
    """Keep the stages' metrics up to date."""
    told = {health.stage: 0 for health in healths}
    while True:
        for health in healths:
            metrics.STAGE_READY.labels(health.stage).set(health.ready)
            metrics.STAGE_LAG.labels(health.stage).set(health.lag)
            metrics.STAGE_MOVED.labels(health.stage).inc(health.moved_total - told[health.stage])
            told[health.stage] = health.moved_total
        await clock.sleep(_LOOK_SECONDS)


async def probe_lag(health: StageHealth, clock: Clock) -> None:
    """Measure the stage's lag from outside its loop, where the stage gave a way to."""
    while True:
        await clock.sleep(_PROBE_SECONDS)
        if health.probe is None:
            continue
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                health.lag = await health.probe()
        except (HikeshiError, TimeoutError, OSError) as error:
            # The stage itself declares the wait; an unmeasured lag is no news.
            _log.debug("lag_unmeasured", stage=health.stage, error=str(error))


async def report_workers(report: ReportWorker, healths: Sequence[StageHealth], clock: Clock, port: int) -> None:
    """Write a row for each stage each few seconds, and at once when it became ready or ceased to be. Best effort: no
    stage ever waits for it."""
    told: dict[str, tuple[list[str], float]] = {}
    while True:
        for health in healths:
            reasons, at = told.get(health.stage, (None, 0.0))
            if reasons != health.reasons or clock.monotonic() - at >= REPORT_SECONDS:
                told[health.stage] = health.reasons, clock.monotonic()
                await _report(report, health, clock, port)
        await clock.sleep(_LOOK_SECONDS)


async def _report(report: ReportWorker, health: StageHealth, clock: Clock, port: int) -> None:
    host, pid = platform.node(), os.getpid()
    state = {
        "at": rfc3339(clock.now()), "host": host, "pid": pid, "port": port, "release": release(),
        "ready": health.ready, "reasons": health.reasons, "lag": health.lag, "moved": health.moved_total,
        "facts": dict(health.facts),
    }  # fmt: skip
    # Late, it is left to end by itself: SQLite's driver never comes back from a transaction called off half-way.
    writing = asyncio.ensure_future(report(f"{host}-{pid}-{health.stage}", health.stage, state))
    writing.add_done_callback(_heard)
    try:
        await asyncio.wait_for(asyncio.shield(writing), REPORT_SECONDS)
    except (HikeshiError, TimeoutError, OSError) as error:
        _log.debug("worker_unreported", stage=health.stage, error=str(error))


def _heard(writing: asyncio.Future[None]) -> None:
    """What became of a report that nobody waits for any more is heard: asyncio would print it with its trace."""
    if not writing.cancelled():
        writing.exception()
