"""The HTTP endpoints of every worker: /healthz (alive and moving), /readyz (with reasons), /metrics."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from schemas.errors import ConfigurationError
from workers.runtime.health import StageHealth
from workers.runtime.listening import listen, why_not
from workers.runtime.watchdog import STUCK_SECONDS

_SHUTDOWN_SECONDS: Final = 1.0  # a scraper that holds its connection must not use up the drain's time
_REMEDY: Final = "choose another with HIKESHI_METRICS__HOST and HIKESHI_METRICS__PORT (port 0: any free one)"


class Endpoints:
    """The server; `port` is the one that it really has."""

    def __init__(self, healths: Sequence[StageHealth], host: str, port: int) -> None:
        self._healths, self._host, self.port = healths, host, port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises ConfigurationError when the address can't be had."""
        app = web.Application()
        app.add_routes(
            [web.get("/healthz", self._healthz), web.get("/readyz", self._readyz), web.get("/metrics", self._metrics)]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            listening = listen(self._host, self.port)
        except OSError as error:
            await runner.cleanup()
            raise ConfigurationError(
                f"health and metrics can't listen on {self._host}:{self.port} ({why_not(error)}): {_REMEDY}"
            ) from error
        await web.SockSite(runner, listening).start()
        self.port = listening.getsockname()[1]
        self._runner = runner

    async def stop(self) -> None:
        """Listen no longer."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        stuck = {h.stage: round(h.stuck_seconds) for h in self._healths if h.stuck_seconds >= STUCK_SECONDS}
        return web.json_response({"healthy": not stuck, "stuck_seconds": stuck}, status=503 if stuck else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        stages = {
            health.stage: {"ready": health.ready, "reasons": health.reasons, "lag": health.lag}
            for health in self._healths
        }
        ready = all(health.ready for health in self._healths)
        return web.json_response({"ready": ready, "stages": stages}, status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
