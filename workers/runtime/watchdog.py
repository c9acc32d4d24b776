"""The watchdog: ends a process that hangs, so that a supervisor starts it anew, with every stack in the log."""

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Final, NoReturn

from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger

_log = get_logger(__name__)

GAVE_UP: Final = 75  # the contract's exit status: start me again
STUCK_SECONDS: Final = 60.0  # the design's: records wait and nothing moves for so long
# Ours: the loop itself answers nothing for so long. Kafka's session (45 s by default) is long over by then.
BLOCKED_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 1.0


class Watchdog:
    """A thread of its own: a blocked event loop can't watch itself. `beat` is called by the loop, often."""

    def __init__(
        self,
        healths: Sequence[StageHealth],
        *,
        stuck_seconds: float = STUCK_SECONDS,
        blocked_seconds: float = BLOCKED_SECONDS,
        give_up: Callable[[str], None] | None = None,
    ) -> None:
        self._healths, self._stuck, self._blocked = healths, stuck_seconds, blocked_seconds
        self._give_up = give_up or self._end_process
        self._loop = asyncio.get_running_loop()
        self._last_beat = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="hikeshi-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer: the process drains, under its own deadline."""
        self._over.set()

    def beat(self) -> None:
        """The event loop is alive."""
        self._last_beat = time.monotonic()

    def _watch(self) -> None:
        while not self._over.wait(min(_LOOK_SECONDS, self._stuck / 4, self._blocked / 4)):
            reason = judge(
                time.monotonic() - self._last_beat,
                {health.stage: health.stuck_seconds for health in self._healths},
                blocked_limit=self._blocked,
                stuck_limit=self._stuck,
            )
            if reason is not None:
                self._give_up(reason)
                return

    def _end_process(self, reason: str) -> NoReturn:
        _log.critical("watchdog_fired", reason=reason, exit_status=GAVE_UP, stacks=all_stacks(self._loop))
        sys.stderr.flush()
        os._exit(GAVE_UP)  # no drain: what hangs would hang the drain too; nothing acknowledged is lost


def judge(
    silent_seconds: float, stuck_seconds: dict[str, float], *, blocked_limit: float, stuck_limit: float
) -> str | None:
    """Why to give up, or None."""
    if silent_seconds >= blocked_limit:
        return f"the event loop has been blocked for {silent_seconds:.0f} s"
    for stage, seconds in stuck_seconds.items():
        if seconds >= stuck_limit:
            return f"{stage}: records wait and nothing has moved for {seconds:.0f} s"
    return None


def all_stacks(loop: asyncio.AbstractEventLoop) -> str:
    """The stacks of all threads and all tasks, as text."""
    out = StringIO()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for identity, frame in sys._current_frames().items():
        out.write(f"thread {names.get(identity, identity)}:\n")
        traceback.print_stack(frame, file=out)
    for task in asyncio.all_tasks(loop):
        out.write(f"task {task.get_name()}:\n")
        task.print_stack(file=out)
    return out.getvalue()
