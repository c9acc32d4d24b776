"""The task of forgetting: once a day over every table, a step at a time, and never in the way of what comes in."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from config.steward import StewardSettings
from workers.incidents.change import to_millis
from workers.incidents.model import Millis
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.steward import retention
from workers.steward.lease import read_state, save_state
from workers.store.store import Store

_log = get_logger(__name__)

# Ours.
_ROUND_MS: Final = 24 * 3_600_000
_HOUR_SECONDS: Final = 3600.0
_STEP_SECONDS: Final = 0.2  # between two steps: whoever stores posts goes first
_NAME: Final = "forgetting"

_Forget = Callable[[AsyncConnection, Millis], Awaitable[int]]


class Round(msgspec.Struct, kw_only=True):
    """Where the daily round stands; kept in the store."""

    ended_at: Millis | None = None


class Forgetting:
    """Deletes what is older than the settings keep it."""

    name = _NAME

    def __init__(self, store: Store, clock: Clock, settings: StewardSettings) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._walk: list[tuple[str, int]] | None = None  # brands still to walk over, each with its first young post
        self._after = ""
        self.forgotten = 0
        """Rows deleted since the start."""

    async def turn(self) -> float:
        """One step. Returns the seconds until the next."""
        now = self._now()
        if self._walk is None:
            return await self._begin(now)
        if self._walk:
            await self._step(self._walk)
            return _STEP_SECONDS
        if await self._others(now):
            return _STEP_SECONDS
        self._walk = None
        async with self._store.write() as connection:
            await save_state(connection, _NAME, Round(ended_at=now))
        _log.info("round_ended", task=_NAME, forgotten=self.forgotten)
        return _HOUR_SECONDS

    async def _begin(self, now: Millis) -> float:
        async with self._store.write() as connection:
            await retention.note_arrivals(connection, now)
            kept = await read_state(connection, _NAME, Round) or Round()
            if kept.ended_at is not None and 0 <= now - kept.ended_at < _ROUND_MS:
                return _HOUR_SECONDS
            before = retention.cutoff(now, self._settings.keep_posts)
            old = {} if before is None else await retention.arrived_before(connection, before)
        self._walk, self._after = sorted(old.items()), ""
        return 0.0

    async def _step(self, walk: list[tuple[str, int]]) -> None:
        """A page of the walk over a brand's posts."""
        brand, arrival = walk[0]
        async with self._store.read() as connection:
            end = await retention.page_end(connection, brand, self._after)
            any_old = await retention.any_old_posts(connection, brand, self._after, end, arrival)
        if any_old:
            async with self._store.write() as connection:
                self._count("posts", await retention.forget_posts(connection, brand, self._after, end, arrival))
        self._after = end or ""
        if end is None:
            walk.pop(0)

    async def _others(self, now: Millis) -> bool:
        """A step in the first table that has anything old; False when none has."""
        settings = self._settings
        incidents = retention.cutoff(now, settings.keep_incidents)
        if incidents is not None and await self._forget_incidents(incidents):
            return True
        tasks: list[tuple[str, _Forget, Millis | None]] = [
            ("outbox", retention.forget_notifications, retention.cutoff(now, settings.keep_notifications)),
            ("minutes", retention.forget_minutes, retention.cutoff(now, settings.keep_minutes)),
            ("spread_looks", retention.forget_looks, incidents),
            ("arrivals", retention.forget_arrivals, retention.cutoff(now, settings.keep_posts)),
        ]
        for table, forget, before in tasks:
            if before is None:
                continue
            async with self._store.write() as connection:
                count = await forget(connection, before)
            if count:
                self._count(table, count)
                return True
        return False

    async def _forget_incidents(self, before: Millis) -> bool:
        async with self._store.read() as connection:
            ids = await retention.old_incidents(connection, before)
        if not ids:
            return False
        async with self._store.write() as connection:
            self._count("incidents", await retention.forget_incidents(connection, self._store.dialect, ids))
        return True

    def _count(self, table: str, rows: int) -> None:
        self.forgotten += rows
        metrics.ROWS_EXPIRED.labels(table).inc(rows)

    def _now(self) -> Millis:
        return to_millis(self._clock.now())
