"""The task of the night: what was usual for each brand is learned off the dispatcher's way."""

from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from config.files import Files
from workers.incidents.baseline import refresh
from workers.incidents.change import to_millis
from workers.incidents.model import Millis
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.steward.lease import read_state, save_state
from workers.store.sql import text
from workers.store.store import Store

_log = get_logger(__name__)

_DAY_MS: Final = 24 * 3_600_000
_ALIVE_MS: Final = 3 * _DAY_MS  # ours: what came after a night's work is learned by one of the next
_LOOK_SECONDS: Final = 600.0
_NAME: Final = "learning"


class Night(msgspec.Struct, kw_only=True):
    """When it was last done; kept in the store."""

    at: Millis


class Learning:
    """Once a day. The first time is a day after the store was made: a replay of old posts learns by its own days."""

    name = _NAME

    def __init__(self, store: Store, files: Files, clock: Clock) -> None:
        self._store, self._files, self._clock = store, files, clock

    async def turn(self) -> float:
        """Returns the seconds until the next look at the clock."""
        now = to_millis(self._clock.now())
        async with self._store.write() as connection:
            night = await read_state(connection, _NAME, Night)
            if night is not None and 0 <= now - night.at < _DAY_MS:
                return _LOOK_SECONDS
            learned = 0
            if night is not None:
                zones = {brand.id: brand.timezone for brand in self._files.brands if brand.burst == "auto"}
                alive = await _alive(connection, now - _ALIVE_MS)
                zones = {brand: zone for brand, zone in zones.items() if brand in alive}
                learned = await refresh(connection, self._store.dialect, zones, now)
            await save_state(connection, _NAME, Night(at=now))
        _log.info("baselines_refreshed", brands=learned)
        return _LOOK_SECONDS


async def _alive(connection: AsyncConnection, since: Millis) -> set[str]:
    """Brands of which anybody spoke since: of the others' minutes there is nothing to learn, or they are a replay's."""
    found = await connection.execute(
        text("SELECT DISTINCT brand FROM minutes WHERE minute >= :minute"), {"minute": since // 60_000}
    )
    return set(found.scalars())
