"""A paced run that is killed again and again, each time in a chosen window, and ended by a full run of the file."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.chaos.launcher import WINDOWS
from tests.support.process import Process
from tests.support.scene import Scene

LAUNCHER = Path(__file__).with_name("launcher.py")
LINES_PER_SECOND = 12
PACED_SECONDS = 60  # the issue's: a paced run of a minute or more
KILL_WITHIN_SECONDS = 60  # a window that no run enters for so long is never entered


class Killed(NamedTuple):
    """One kill: in which window, at its how-manyeth entry, after how long."""

    window: str
    entry: int
    after_seconds: float


def schedule(kills_per_window: int, seed: int) -> list[tuple[str, int]]:
    """Every window so often, mixed, each at a chosen entry of that run into it."""
    random_ = random.Random(seed)
    chosen = [(window, random_.randint(1, 4)) for window in WINDOWS for _ in range(kills_per_window)]
    random_.shuffle(chosen)
    return chosen


def run_killed(scene: Scene, lines: Iterator[str], kills_per_window: int, seed: int = 11) -> list[Killed]:
    """Feed the lines at pace to one run after the other; each but the last dies in its window."""
    began, kills = time.monotonic(), []
    for window, entry in schedule(kills_per_window, seed):
        mark = scene.folder / "killed"
        mark.unlink(missing_ok=True)
        settings = {"TEST_KILL_WINDOW": window, "TEST_KILL_ENTRY": str(entry), "TEST_KILL_MARK": str(mark)}
        started = time.monotonic()
        with start(scene, settings) as process:
            feed(process, lines, until=started + KILL_WITHIN_SECONDS)
            assert process.returncode == -signal.SIGKILL, f"{window} was not entered:\n{process.stderr[-3000:]}"
        assert mark.read_text() == window
        kills.append(Killed(window, entry, time.monotonic() - started))
    with start(scene, {}) as process:
        process.wait_for_log("stage_started", timeout_seconds=60)
        feed(process, lines, until=max(began + PACED_SECONDS, time.monotonic() + 5))
        assert process.terminate() == 0, process.stderr[-3000:]
    return kills


def start(scene: Scene, settings: dict[str, str]) -> Process:
    """The real program on standard input, through the launcher that kills it."""
    return scene.start(
        "run",
        "--source",
        "replay",
        "--file",
        "-",
        settings=settings,
        command=(sys.executable, LAUNCHER),
        stdin=subprocess.PIPE,
    )


def feed(process: Process, lines: Iterator[str], until: float) -> None:
    """Write lines at pace until the process has ended or the time is over."""
    while process.returncode is None and time.monotonic() < until:
        line = next(lines, None)
        assert line is not None, "the lines ran out before the kills were done"
        process.feed(line)
        time.sleep(1 / LINES_PER_SECOND)
