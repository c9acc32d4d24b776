"""The incidents' own timers: leases that end, escalations that go on, mutes and drills. Any dispatcher runs them."""

import asyncio
from collections.abc import Callable
from typing import Final

from config.files import Files
from config.routes import Policy
from schemas.errors import UnavailableError
from workers.incidents.change import next_timer, run_timers, to_millis
from workers.incidents.clock_change import NOTICED_MS, follow_clock
from workers.incidents.drills import drills_due, run_drills
from workers.incidents.holding import mutes_over, release_over
from workers.incidents.model import Millis
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.runtime.stopping import unless
from workers.store import Store

_log = get_logger(__name__)

LOOK_SECONDS: Final = 1.0  # ours: leases and quiet are minutes and hours


class Timers:
    """Looks each second for incidents whose time has come; `wake` is called when one has something to send."""

    def __init__(self, store: Store, files: Files, clock: Clock, wake: Callable[[], None]) -> None:
        self._store, self._files, self._clock, self._wake = store, files, clock, wake
        self._ahead: float | None = None
        """Of the monotonic clock, in seconds: by how much less, so much has the wall clock been put back."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set."""
        while not stopping.is_set():
            try:
                seconds = await self._once()
            except UnavailableError as error:
                _log.warning("store_unavailable", error=str(error))
                seconds = LOOK_SECONDS
            if seconds > 0:
                await unless(stopping, self._clock.sleep(seconds))

    async def _once(self) -> float:
        """Run what is due; returns the seconds until it is worth looking again."""
        now, dialect, policy = to_millis(self._clock.now()), self._store.dialect, self._files.policy
        await self._follow_clock(now, policy)
        async with self._store.read() as connection:
            following = await next_timer(connection)
            others = await mutes_over(connection, policy, now) or await drills_due(connection, policy, now)
        done = 0
        if others:
            async with self._store.write() as connection:
                done += await release_over(connection, dialect, policy, now)
            # By itself: it waits for its drills' incidents, and who waits holds no others out of their order.
            async with self._store.write() as connection:
                done += await run_drills(connection, dialect, policy, now)
        if following is not None and following <= now:
            async with self._store.write() as connection:
                done += len(await run_timers(connection, dialect, policy, now))
        if done:
            self._wake()
            return 0.0
        if following is None or following <= now:  # due, and another dispatcher holds them
            return LOOK_SECONDS
        return min(LOOK_SECONDS, (following - now) / 1000)

    async def _follow_clock(self, now: Millis, policy: Policy) -> None:
        """At the start, and when the wall clock falls behind: it was put back, here or while nobody ran."""
        ahead = now / 1000 - self._clock.monotonic()
        if self._ahead is not None and ahead > self._ahead - NOTICED_MS / 1000:
            self._ahead = max(ahead, self._ahead)
            return
        async with self._store.write() as connection:
            moved = await follow_clock(connection, self._store.dialect, policy, now)
        self._ahead = ahead
        if moved:
            _log.warning("clock_was_put_back", moved=moved)
            self._wake()
