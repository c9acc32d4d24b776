"""What users taught, as the classifier stage gets it: read from the store every few seconds, the last known while it is
away."""

import asyncio
from collections.abc import Sequence
from typing import Final

from schemas.errors import ConfigurationError, UnavailableError
from workers.incidents.teaching import Taught, last_change, taught
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.store.migrate import check_shape
from workers.store.store import Store

_log = get_logger(__name__)

# Ours: how soon after a click posts like it are marked the same way.
LOOK_EVERY_SECONDS: Final = 2.0
# How long a start waits for the store: the stage goes on without it, but where it is there the first batch knows all.
START_SECONDS: Final = 5.0


class LessonReader:
    """`taught` is replaced as a whole: who keeps the object it used sees by `is not` that there is a newer one."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.taught: Sequence[Taught] = ()
        self._store, self._clock = store, clock
        self._change: tuple[int, int] | None = None
        self._read_at = clock.monotonic()
        self._away = False

    async def look(self) -> None:
        """Read what is new; what was known stays in force where the store can't be read."""
        try:
            if self._change is None:
                await check_shape(self._store)
            async with self._store.read() as connection:
                change = await last_change(connection)
                if change != self._change:
                    self.taught = await taught(connection)
                    self._change = change
                    metrics.LESSONS.set(len(self.taught))
                    _log.info("lessons_read", lessons=len(self.taught))
        except (UnavailableError, ConfigurationError) as error:
            metrics.LESSONS_AGE.set(self._clock.monotonic() - self._read_at)
            if not self._away:
                _log.warning("lessons_kept", lessons=len(self.taught), error=str(error))
            self._away = True
            return
        self._read_at, self._away = self._clock.monotonic(), False
        metrics.LESSONS_AGE.set(0)

    async def begin(self) -> None:
        """The first look, before the first batch; without a store it is not waited for long."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.look()
        except TimeoutError:
            _log.warning("lessons_kept", lessons=0, error="the store does not answer")

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY_SECONDS)
            await self.look()
