"""The console stage: serves the incidents' pages, and says whether it can reach the store."""

import asyncio
from typing import Final

from sqlalchemy import text

from config.files import Files
from config.settings import Settings
from schemas.errors import UnavailableError
from workers.console.inbound import Inbound
from workers.console.incident_view import IncidentView
from workers.console.server import ConsoleServer
from workers.console.slack_socket import SlackSockets
from workers.incidents.links import LinkMaker
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.stopping import unless
from workers.store.store import Store

_log = get_logger(__name__)

_LOOK_SECONDS: Final = 5.0  # ours: how often the store is asked whether it is there


async def open_console(
    settings: Settings, store: Store, files: Files, clock: Clock, health: StageHealth, links: LinkMaker
) -> "ConsoleWorker":
    """The stage, listening already. Raises ConfigurationError when its address can't be had."""
    view = IncidentView(store, files, links, clock, settings.language)
    inbound = Inbound(store, files, clock)
    server = ConsoleServer(settings.console, view, inbound, settings.language)
    await server.start()
    return ConsoleWorker(server, SlackSockets(files, clock, inbound.press), store, clock, health)


class ConsoleWorker:
    """Answers while it runs. The server was started before, so that a port in use is told at the start."""

    name = "console"

    def __init__(
        self, server: ConsoleServer, sockets: SlackSockets, store: Store, clock: Clock, health: StageHealth
    ) -> None:
        self.health = health
        self._server, self._sockets, self._store, self._clock = server, sockets, store, clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set; requests under way are finished."""
        listening = asyncio.create_task(self._sockets.run(stopping), name="slack-sockets")
        try:
            while not stopping.is_set():
                await self._look(stopping)
                await unless(stopping, self._clock.sleep(_LOOK_SECONDS))
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await self._server.stop()

    async def _look(self, stopping: asyncio.Event) -> None:
        """Ready while the store answers; without it every page says so."""
        while not stopping.is_set():
            try:
                async with self._store.read() as connection:
                    await connection.execute(text("SELECT 1"))
            except UnavailableError as error:
                _log.warning("store_unavailable", stage=self.name, error=str(error))
                with self.health.waiting("store"):
                    await unless(stopping, self._clock.sleep(1.0))
            else:
                self.health.started()
                return
