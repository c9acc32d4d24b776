"""The self-audit's loop: looks how things stand, tells ops of what is wrong and when it is over, and calls the
heartbeat's URL while all is well. Any process may run it; one at a time does."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import aiohttp
import msgspec

from config.files import Files
from schemas.errors import HikeshiError, UnavailableError
from workers.incidents.audit import Standing, Trouble, Watched, follow, troubles
from workers.incidents.audit_look import Letters, look
from workers.incidents.change import to_millis
from workers.incidents.model import Millis
from workers.incidents.ops import clear_ops, raise_ops, tell_stand_ins
from workers.log.contract import Log
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.heartbeat import EVERY_SECONDS, beat
from workers.runtime.http_client import open_http_client
from workers.runtime.logging import get_logger
from workers.store.sql import text
from workers.store.store import Store

_log = get_logger(__name__)

LOOK_SECONDS: Final = 15.0  # ours: an alert to ops may be so much later than its threshold
# Ours: longer than a look with room for a slow store, so that one process audits; another goes on after it has ended.
LEASE_MS: Final = 45_000
# Ours: a rest that took so long was the machine's, stopped or suspended. The stages, stopped with it, get one more rest
# to say that they live, before they are called dead.
STOOD_STILL_SECONDS: Final = 2 * LOOK_SECONDS
AWAY_SECONDS: Final = 60.0  # ours: a database that restarts is back before
_NAME: Final = "audit"

_watched = msgspec.json.Decoder(dict[str, Watched])


class TellDirectly(Protocol):
    """A way to ops past the store."""

    async def worry(self, kind: str, texts: Mapping[str, str]) -> None:
        """Tell of it, once."""

    async def over(self) -> None:
        """Say that it is over."""


class Auditor:
    """`required`: the stages that must run; `heartbeat_url`: called each minute while nothing is overdue; `directly`:
    tells ops while the store is away."""

    def __init__(
        self,
        store: Store,
        log: Log,
        files: Files,
        clock: Clock,
        required: Sequence[str],
        heartbeat_url: str | None = None,
        owner: str | None = None,
        directly: TellDirectly | None = None,
    ) -> None:
        self._store, self._log, self._files, self._clock = store, log, files, clock
        self._required, self._heartbeat_url = required, heartbeat_url
        self._owner = owner or secrets.token_hex(8)
        self._letters = Letters(log)
        self._beat_at: float | None = None
        self._directly = directly
        self._away_since: float | None = None

    async def run(self) -> None:
        """For ever; a look under way is finished when it is called off."""
        async with open_http_client() as client:
            while True:
                looking = asyncio.ensure_future(self.look_once(client))
                try:
                    await asyncio.shield(looking)
                except asyncio.CancelledError:
                    # SQLite's driver never comes back from a transaction called off half-way.
                    await asyncio.wait({looking}, timeout=LOOK_SECONDS)
                    if looking.done() and not looking.cancelled():
                        looking.exception()  # heard: asyncio would print it with its trace
                    raise
                await self._rest()

    async def _rest(self) -> None:
        begun = self._clock.now()
        await self._clock.sleep(LOOK_SECONDS)
        rested = (self._clock.now() - begun).total_seconds()
        if rested > STOOD_STILL_SECONDS:
            _log.warning("audit_postponed", stood_still_seconds=round(rested - LOOK_SECONDS))
            await self._clock.sleep(LOOK_SECONDS)

    async def look_once(self, client: aiohttp.ClientSession) -> list[Trouble] | None:
        """One look, and what follows; None where another process audits, or the store is away."""
        now = to_millis(self._clock.now())
        try:
            ours = await self._take_lease(now)
            await self._store_is_back()
            if not ours:
                return None
            standing = await look(self._store, self._log, self._letters, self._required, now, self._files.brands)
            found = troubles(standing)
            await self._tell(found, now)
        except UnavailableError as error:
            # No heartbeat is the alarm for this: what can't be looked at is not well.
            _log.warning("audit_impossible", error=str(error))
            await self._store_is_away(str(error))
            return None
        except HikeshiError as error:
            _log.error("audit_failed", error=str(error))
            return None
        _show(standing, found)
        await self._beat(client, well=not any(trouble.overdue for trouble in found))
        return found

    async def _take_lease(self, now: Millis) -> bool:
        async with self._store.write() as connection:
            taken = await connection.execute(
                text(
                    "INSERT INTO audits (name, owner, leased_until, state) VALUES (:name, :owner, :until, '{}') "
                    "ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until "
                    # A lease that ends later than any lease can was taken before the clock was put right.
                    "WHERE audits.owner = excluded.owner OR audits.leased_until < :now "
                    "OR audits.leased_until > excluded.leased_until + :longest RETURNING owner"
                ),
                {"name": _NAME, "owner": self._owner, "until": now + LEASE_MS, "now": now, "longest": LEASE_MS},
            )
            return taken.first() is not None

    async def _tell(self, found: Sequence[Trouble], now: Millis) -> None:
        dialect, policy = self._store.dialect, self._files.policy
        async with self._store.write() as connection:
            state = await connection.execute(text("SELECT state FROM audits WHERE name = :name"), {"name": _NAME})
            steps = follow(_watched.decode(state.scalar_one()), found, now)
            for trouble in steps.raise_:
                texts = {"en": trouble.en, "ja": trouble.ja}
                await raise_ops(connection, dialect, policy, trouble.kind, texts, now)
            for kind in steps.clear:
                await clear_ops(connection, dialect, kind, now)
            await tell_stand_ins(connection, dialect, policy, now)
            await connection.execute(
                text("UPDATE audits SET state = :state WHERE name = :name AND owner = :owner"),
                {"state": msgspec.json.encode(steps.watched).decode(), "name": _NAME, "owner": self._owner},
            )

    async def _store_is_away(self, why: str) -> None:
        now = self._clock.monotonic()
        self._away_since = now if self._away_since is None else self._away_since
        if self._directly is not None and now - self._away_since >= AWAY_SECONDS:
            await self._directly.worry(
                "store_away",
                {
                    "en": f"the store has been away for {now - self._away_since:.0f} s, no alert goes out: {why}",
                    "ja": f"データベースに{now - self._away_since:.0f}秒接続できず、通知を送れません: {why}",
                },
            )

    async def _store_is_back(self) -> None:
        self._away_since = None
        if self._directly is not None:
            await self._directly.over()

    async def _beat(self, client: aiohttp.ClientSession, *, well: bool) -> None:
        """The heartbeat, at most once a minute."""
        if self._heartbeat_url is None:
            return
        if self._beat_at is not None and self._clock.monotonic() - self._beat_at < EVERY_SECONDS:
            return
        if not well:
            metrics.HEARTBEATS.labels("withheld").inc()
            return
        self._beat_at = self._clock.monotonic()
        metrics.HEARTBEATS.labels(await beat(client, self._heartbeat_url)).inc()


def _show(standing: Standing, found: Sequence[Trouble]) -> None:
    metrics.OUTBOX_PENDING.set(sum(waiting.waiting for waiting in standing.undelivered.values()))
    metrics.TROUBLES.set(sum(trouble.overdue for trouble in found))
    oldest = max((waiting.oldest_seconds for waiting in standing.undelivered.values()), default=0.0)
    metrics.OUTBOX_AGE.set(oldest)
