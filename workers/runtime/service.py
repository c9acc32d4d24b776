"""Runs stages as a service: endpoints, signals, one drain under one deadline, watchdog, never a silent death."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from schemas.errors import HikeshiError, StopError, UnavailableError
from workers.runtime.clock import Clock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.deadline import Deadline
from workers.runtime.endpoints import Endpoints
from workers.runtime.errors_report import flush_error_reports, report
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.monitor import ReportWorker, probe_lag, report_workers, watch_loop, watch_stages
from workers.runtime.stopping import unless
from workers.runtime.watchdog import GAVE_UP, Watchdog

_log = get_logger(__name__)

# Of the drain's time, what stages may use; the rest closes the log and the store, which flush.
_STAGES_SHARE: Final = 0.8
# Ours: a stage that stopped for another reason than dead letters (topics made anew, say) is tried again so often.
_STOPPED_RETRY_SECONDS: Final = 15.0
_AWAY_RETRY_SECONDS: Final = 1.0  # ours: while the log is away at the start
# Ours: a drain may be late by so much before the process is ended from outside the event loop.
_OVERDUE_SECONDS: Final = 2.0


class Stage(Protocol):
    """One stage of the pipeline."""

    @property
    def name(self) -> str: ...
    @property
    def health(self) -> StageHealth: ...

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, finish what is in flight, return.

        Raises StopError to stop loudly; `run` is then called again once the cause is mended, and starts from what the
        log and the store say.
        """


@dataclass(frozen=True)
class ServiceOptions:
    """What a service needs of the settings. `stay_when_stopped`: a worker stays up, not ready; `run` ends."""

    host: str = "127.0.0.1"
    port: int = 0
    drain_seconds: float = 20.0
    stay_when_stopped: bool = False


@dataclass
class Program:
    """What runs, made by `build` once the endpoints are up."""

    stages: Sequence[tuple[Stage, DeadLetters | None]]
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    """Loops beside the stages, ended at the drain; one that fails ends the process."""
    until: Callable[[], Coroutine[Any, Any, int]] | None = None
    """Returns the exit status when the work is done."""
    report_worker: ReportWorker | None = None
    drained: Callable[[], Awaitable[None]] | None = None
    """Called after the drain, before the log and the store close."""


Build = Callable[[AsyncExitStack], Awaitable[Program]]


class _Run:
    """One run of a service: what its parts share."""

    def __init__(self, options: ServiceOptions, clock: Clock, healths: Sequence[StageHealth]) -> None:
        self.options, self.clock, self.healths = options, clock, healths
        self.stopping = asyncio.Event()
        self.watchdog = Watchdog(healths)
        self._deadline: Deadline | None = None
        self._overdue = threading.Timer(options.drain_seconds + _OVERDUE_SECONDS, _end_overdue)
        self._overdue.daemon = True

    def begin_drain(self) -> Deadline:
        """The drain's one deadline; the first to ask sets it. The watchdog leaves the process to it."""
        self.stopping.set()
        if self._deadline is None:
            self._deadline = Deadline(self.options.drain_seconds, self.clock)
            self.watchdog.stop()
            self._overdue.start()
        return self._deadline

    def over(self) -> None:
        """The drain is done."""
        self._overdue.cancel()


async def serve(healths: Sequence[StageHealth], build: Build, options: ServiceOptions, clock: Clock) -> int:
    """Run the program until a signal, its end or a failure; returns the exit status.

    Errors of ours are raised, after the drain, for the command line to say; anything else is logged, reported and
    ends with 1.
    """
    run = _Run(options, clock, healths)
    async with _endpoints(run) as port, _watched(run):
        with _signals(run):
            try:
                return await _work(run, build, port)
            except HikeshiError:
                raise
            except Exception as error:  # noqa: BLE001  the outermost loop: nothing may end silently
                _log.critical("service_failed", exc_info=error)
                report(error, "service")
                return 1
            finally:
                run.begin_drain()
                flush_error_reports()
                run.over()


async def _work(run: _Run, build: Build, port: int) -> int:
    resources = AsyncExitStack()
    try:
        program = await unless(run.stopping, build(resources))
        if program is None:
            return 0
        try:
            return await _run_program(run, program, port)
        finally:
            if program.drained is not None:
                await _bounded(run.begin_drain(), program.drained(), "summary")
    finally:
        await _bounded(run.begin_drain(), resources.aclose(), "close")


async def _run_program(run: _Run, program: Program, port: int) -> int:
    stages = {
        asyncio.create_task(_run_stage(run, stage, letters), name=f"stage-{stage.name}")
        for stage, letters in program.stages
    }
    loops = {asyncio.create_task(loop(), name=f"background-{number}") for number, loop in enumerate(program.background)}
    if program.report_worker is not None:
        loops.add(asyncio.create_task(report_workers(program.report_worker, run.healths, run.clock, port)))
    until = asyncio.create_task(program.until(), name="until") if program.until is not None else None
    stop = asyncio.create_task(run.stopping.wait(), name="stopping")
    ends: set[asyncio.Task[Any]] = {*stages, stop, *([until] if until else [])}
    done = await _first_end(ends, loops)
    deadline = run.begin_drain()
    _log.info("drain_started", seconds=run.options.drain_seconds)
    await _drain(stages, deadline)
    await _cancel({*loops, *(ends - stages)})
    _raise_first({*done, *stages})
    return until.result() if until is not None and until in done else 0


def _raise_first(tasks: set[asyncio.Task[Any]]) -> None:
    """Raise what a task raised. One cause often fails several; the others are in the log."""
    errors = [error for task in tasks if not task.cancelled() and (error := task.exception()) is not None]
    for error in errors[1:]:
        _log.error("failed_as_well", error=str(error) or type(error).__name__)
    if errors:
        raise errors[0]


async def _first_end(ends: set[asyncio.Task[Any]], loops: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Wait until one of `ends` is done or one of `loops` has failed; a loop may end well before."""
    waited = ends | loops
    while True:
        done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        ended = {task for task in done if task in ends or task.cancelled() or task.exception() is not None}
        if ended:
            return ended
        waited = waited - done


async def _run_stage(run: _Run, stage: Stage, letters: DeadLetters | None) -> None:
    """A stage's life: over again after a stop that was lifted, where the process stays up."""
    while not run.stopping.is_set():
        try:
            if letters is not None:
                await _open_letters(run, stage, letters)
                letters.check()
            _log.info("stage_started", stage=stage.name)
            await stage.run(run.stopping)
        except StopError as error:
            if not run.options.stay_when_stopped:
                raise
            _log.critical("stage_stopped", stage=stage.name, reason=str(error))
            stage.health.stopped(str(error))
            await unless(run.stopping, _stop_lifted(run, letters))
            stage.health.cleared()
        except HikeshiError:
            raise
        except Exception as error:
            _log.critical("stage_failed", stage=stage.name, exc_info=error)
            report(error, stage.name)
            raise StopError(
                f"{stage.name} failed unexpectedly ({type(error).__name__}): the log above has its stack"
            ) from error
        else:
            if not run.stopping.is_set():
                raise StopError(f"{stage.name} ended by itself: that is a fault of the program")


async def _open_letters(run: _Run, stage: Stage, letters: DeadLetters) -> None:
    """Learn how the stop rule stood before, however long the log is away."""
    while not run.stopping.is_set():
        try:
            return await letters.open()
        except UnavailableError as error:
            _log.warning("log_unavailable", stage=stage.name, error=str(error))
            with stage.health.waiting("log"):
                await unless(run.stopping, run.clock.sleep(_AWAY_RETRY_SECONDS))
    return None


async def _stop_lifted(run: _Run, letters: DeadLetters | None) -> None:
    if letters is not None and letters.stopped:
        await letters.stop_lifted()
    else:
        await run.clock.sleep(_STOPPED_RETRY_SECONDS)


async def _drain(stages: set[asyncio.Task[None]], deadline: Deadline) -> None:
    """Wait for the stages as long as the deadline allows; what is still in flight then is read again at the next
    start."""
    if stages:
        await asyncio.wait(stages, timeout=deadline.remaining() * _STAGES_SHARE)
    late = {task for task in stages if not task.done()}
    if late:
        _log.warning("drain_cut_short", stages=sorted(task.get_name() for task in late))
        await _cancel(late)


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _bounded(deadline: Deadline, work: Awaitable[None], what: str) -> None:
    """The last steps of a drain: within what is left of its time, and without hiding the error that led here."""
    try:
        async with deadline.timeout():
            await work
    except (TimeoutError, HikeshiError, OSError) as error:
        _log.warning("drain_step_failed", step=what, error=str(error) or type(error).__name__)


@asynccontextmanager
async def _endpoints(run: _Run) -> AsyncIterator[int]:
    endpoints = Endpoints(run.healths, run.options.host, run.options.port)
    await endpoints.start()
    _log.info("service_started", host=run.options.host, port=endpoints.port, stages=[h.stage for h in run.healths])
    try:
        yield endpoints.port
    finally:
        await endpoints.stop()


@asynccontextmanager
async def _watched(run: _Run) -> AsyncIterator[None]:
    run.watchdog.start()
    loops: list[Coroutine[Any, Any, None]] = [
        watch_loop(run.clock, run.watchdog.beat),
        watch_stages(run.healths, run.clock),
        *(probe_lag(health, run.clock) for health in run.healths),
    ]
    tasks = {asyncio.create_task(loop) for loop in loops}
    try:
        yield
    finally:
        run.watchdog.stop()
        await _cancel(tasks)


@contextmanager
def _signals(run: _Run) -> Iterator[None]:
    """SIGTERM and SIGINT start the drain. From then on they have their default effect: a second one ends the process
    at once, even where the event loop hangs."""
    loop = asyncio.get_running_loop()
    both = (signal.SIGTERM, signal.SIGINT)

    def first(number: signal.Signals) -> None:
        _log.info("signal_received", signal=number.name)
        for one in both:
            loop.remove_signal_handler(one)
            signal.signal(one, signal.SIG_DFL)
        run.begin_drain()

    for one in both:
        loop.add_signal_handler(one, first, one)
    try:
        yield
    finally:
        for one in both:
            loop.remove_signal_handler(one)


def _end_overdue() -> None:
    _log.critical("drain_overdue", exit_status=GAVE_UP)
    os._exit(GAVE_UP)
