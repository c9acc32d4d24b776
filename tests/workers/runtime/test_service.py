"""The service: signals, drain, stop, failure and watchdog, in real processes; resume and waits in this one."""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigurationError, StopError, UnavailableError
from workers.runtime.clock import SystemClock
from workers.runtime.endpoints import Endpoints
from workers.runtime.health import StageHealth
from workers.runtime.service import Program, ServiceOptions, serve

ROOT = Path(__file__).parents[3]

SCRIPT = """
import asyncio, sys, time
from workers.runtime.clock import SystemClock
from workers.runtime.health import StageHealth
from workers.runtime.logging import configure_logging
from workers.runtime.service import Program, ServiceOptions, serve
import workers.runtime.watchdog as watchdog
configure_logging("info", "json")
clock = SystemClock()

class Stage:
    name = "classifier"
    def __init__(self): self.health = StageHealth(self.name, clock)
    async def run(self, stopping):
        self.health.started()
        print("up", flush=True)
        {body}

async def main():
    stage = Stage()
    async def build(resources): return Program([(stage, None)])
    return await serve([stage.health], build, ServiceOptions(drain_seconds={drain}), clock)

sys.exit(asyncio.run(main()))
"""


def start(body: str, drain: float = 5.0, before: str = "") -> subprocess.Popen[str]:
    script = before + SCRIPT.replace("{drain}", str(drain)).replace(
        "{body}", textwrap.indent(textwrap.dedent(body), " " * 8).strip()
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n", process.communicate()[1]
    return process


def finish(process: subprocess.Popen[str], seconds: float = 15.0) -> tuple[int, str]:
    _, err = process.communicate(timeout=seconds)
    return process.returncode, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_what_is_in_flight_and_exits_0(number: signal.Signals) -> None:
    process = start("""
        await stopping.wait()
        await asyncio.sleep(0.3)
        print("drained", flush=True)
    """)
    process.send_signal(number)
    out, err = process.communicate(timeout=15)
    assert process.returncode == 0, err
    assert out == "drained\n"


def test_a_second_signal_ends_the_process_at_once() -> None:
    process = start("await stopping.wait()\nprint('draining', flush=True)\nawait asyncio.sleep(60)", drain=60)
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "draining\n"
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == -signal.SIGTERM
    assert time.monotonic() - before < 2


def test_a_second_signal_ends_a_blocked_process_too() -> None:
    process = start("await stopping.wait()\nprint('draining', flush=True)\ntime.sleep(60)", drain=60)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "draining\n"
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == -signal.SIGINT


def test_a_stage_that_does_not_finish_is_cut_off_at_the_deadline_with_exit_0() -> None:
    process = start("await asyncio.sleep(60)", drain=0.5)
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status, err = finish(process)
    assert status == 0
    assert time.monotonic() - before < 3
    assert "drain_cut_short" in err


def test_a_drain_that_blocks_the_loop_is_ended_from_outside() -> None:
    process = start("await stopping.wait()\ntime.sleep(60)", drain=0.3)
    process.send_signal(signal.SIGTERM)
    status, err = finish(process)
    assert status == 75
    assert "drain_overdue" in err


def test_an_unexpected_exception_is_logged_with_its_stack_and_ends_the_process() -> None:
    status, err = finish(start("raise ZeroDivisionError('boom')"))
    assert status == 1
    assert "stage_failed" in err
    assert "ZeroDivisionError: boom" in err


def test_a_stage_that_returns_by_itself_is_no_success() -> None:
    status, err = finish(start("return"))
    assert status == 1
    assert "ended by itself" in err


def test_the_watchdog_gives_up_when_records_wait_and_nothing_moves() -> None:
    before = "import workers.runtime.watchdog as w\nw.STUCK_SECONDS = 0.4\n"
    before += "w.Watchdog.__init__.__kwdefaults__['stuck_seconds'] = 0.4\n"
    status, err = finish(start("self.health.lag = 5\nawait asyncio.sleep(60)", before=before))
    assert status == 75
    line = next(json.loads(x) for x in err.splitlines() if "watchdog_fired" in x)
    assert "stage-classifier" in line["stacks"]
    assert "thread hikeshi-watchdog" in line["stacks"]
    assert "records wait" in line["reason"]


def test_the_watchdog_gives_up_when_the_event_loop_is_blocked() -> None:
    before = "import workers.runtime.watchdog as w\n"
    before += "w.Watchdog.__init__.__kwdefaults__['blocked_seconds'] = 1.0\n"
    status, err = finish(start("time.sleep(60)", before=before))
    assert status == 75
    assert "event loop has been blocked" in err


class Stage:
    """A stage whose run is a list of outcomes: an exception to raise, or None to work until stopped."""

    name = "dispatcher"

    def __init__(self, *outcomes: BaseException | None) -> None:
        self.health = StageHealth(self.name, SystemClock())
        self.outcomes = list(outcomes)
        self.runs = 0

    async def run(self, stopping: asyncio.Event) -> None:
        self.runs += 1
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome
        self.health.started()
        await stopping.wait()


class Letters:
    """Stands in for dead letters whose stop is lifted at once."""

    stopped = True

    def __init__(self, away: int = 0) -> None:
        self.away, self.opened = away, 0

    async def open(self) -> None:
        self.opened += 1
        if self.opened <= self.away:
            raise UnavailableError("the log is away")

    def check(self) -> None:
        pass

    async def stop_lifted(self) -> None:
        await asyncio.sleep(0.05)


async def run_stage(stage: Stage, options: ServiceOptions, letters: Any = None, **program: Any) -> int:
    async def build(_: AsyncExitStack) -> Program:
        return Program([(stage, letters)], **program)

    return await serve([stage.health], build, options, SystemClock())


async def test_run_ends_when_a_stage_stops() -> None:
    with pytest.raises(StopError, match="50 in a row"):
        await run_stage(Stage(StopError("50 in a row")), ServiceOptions())


async def test_a_worker_stays_up_after_a_stop_and_goes_on_once_it_is_lifted() -> None:
    stage = Stage(StopError("50 in a row"), None)

    async def until() -> int:
        while stage.runs < 2:
            assert stage.health.is_stopped or stage.runs < 1 or not stage.outcomes
            await asyncio.sleep(0.01)
        return 0

    assert await run_stage(stage, ServiceOptions(stay_when_stopped=True), Letters(), until=until) == 0
    assert stage.health.ready


async def test_a_log_that_is_away_at_the_start_is_waited_for() -> None:
    stage, letters = Stage(None), Letters(away=1)

    async def until() -> int:
        while not stage.health.ready:  # noqa: ASYNC110  a property has no event
            await asyncio.sleep(0.01)
        return 0

    assert await run_stage(stage, ServiceOptions(), letters, until=until) == 0
    assert letters.opened == 2


async def test_an_error_of_configuration_goes_up_even_from_a_worker() -> None:
    with pytest.raises(ConfigurationError):
        await run_stage(Stage(ConfigurationError("mend it")), ServiceOptions(stay_when_stopped=True))


async def test_what_until_returns_is_the_exit_status_and_the_summary_comes_before_the_log_closes() -> None:
    order: list[str] = []
    stage = Stage(None)

    async def until() -> int:
        return 1

    async def drained() -> None:
        order.append("summary")

    async def build(resources: AsyncExitStack) -> Program:
        resources.callback(order.append, "closed")
        return Program([(stage, None)], until=until, drained=drained)

    assert await serve([stage.health], build, ServiceOptions(), SystemClock()) == 1
    assert order == ["summary", "closed"]


async def test_of_stages_that_fail_together_each_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    async def build(_: AsyncExitStack) -> Program:
        return Program([(Stage(StopError("the disk is full")), None), (Stage(StopError("the disk is full")), None)])

    with pytest.raises(StopError, match="disk is full"):
        await serve([], build, ServiceOptions(), SystemClock())
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_background_loop_that_fails_ends_the_process() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    assert await run_stage(Stage(None), ServiceOptions(), background=[fails]) == 1


async def test_a_port_in_use_is_an_error_of_configuration_that_names_the_remedy() -> None:
    first = Endpoints([], "127.0.0.1", 0)
    await first.start()
    try:
        with pytest.raises(ConfigurationError, match=r"in use.*HIKESHI_METRICS__PORT"):
            await Endpoints([], "127.0.0.1", first.port).start()
        with pytest.raises(ConfigurationError, match="no such address"):
            await Endpoints([], "192.0.2.1", 0).start()
        with pytest.raises(ConfigurationError, match="HIKESHI_METRICS__HOST"):
            await Endpoints([], "no-such-host.invalid", 0).start()
    finally:
        await first.stop()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def test_endpoints_tell_alive_from_ready() -> None:
    health = StageHealth("stream", SystemClock())
    endpoints = Endpoints([health], "127.0.0.1", 0)
    await endpoints.start()
    try:
        assert (await asyncio.to_thread(get, endpoints.port, "/healthz"))[0] == 200
        status, body = await asyncio.to_thread(get, endpoints.port, "/readyz")
        assert status == 503
        assert json.loads(body)["stages"]["stream"]["reasons"] == ["starting"]
        health.started()
        with health.waiting("store"):
            status, body = await asyncio.to_thread(get, endpoints.port, "/readyz")
            assert (status, json.loads(body)["stages"]["stream"]["reasons"]) == (503, ["waits for store"])
        assert (await asyncio.to_thread(get, endpoints.port, "/readyz"))[0] == 200
        status, body = await asyncio.to_thread(get, endpoints.port, "/metrics")
        assert status == 200
        assert "hikeshi_loop_lag_seconds" in body
    finally:
        await endpoints.stop()
