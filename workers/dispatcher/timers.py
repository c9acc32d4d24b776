"""The incidents' own timers: acknowledgements that end, quiet that resolves. Any dispatcher runs them."""

import asyncio
from collections.abc import Callable
from typing import Final

from config.files import Files
from schemas.errors import UnavailableError
from workers.incidents.change import TIMERS_AT_ONCE, run_timers, timers_due, to_millis
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

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set."""
        while not stopping.is_set():
            try:
                done = await self._once()
            except UnavailableError as error:
                _log.warning("store_unavailable", error=str(error))
                done = 0
            if done < TIMERS_AT_ONCE:
                await unless(stopping, self._clock.sleep(LOOK_SECONDS))

    async def _once(self) -> int:
        now = to_millis(self._clock.now())
        async with self._store.read() as connection:
            if not await timers_due(connection, now):
                return 0
        async with self._store.write() as connection:
            done = len(await run_timers(connection, self._store.dialect, self._files.policy, now))
        if done:
            self._wake()
        return done
