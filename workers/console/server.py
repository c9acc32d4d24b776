"""The console's web server: its routes, the headers of every answer, and what a failure looks like to a reader."""

from collections.abc import Awaitable, Callable
from errno import EADDRINUSE
from http import HTTPStatus
from socket import socket
from typing import Final

from aiohttp import web

from config.settings import ConsoleSettings
from schemas.errors import ConfigurationError, HikeshiError
from workers.console.inbound import Inbound
from workers.console.incident_view import IncidentView, message
from workers.console.rendering import HEADERS
from workers.runtime.errors_report import report
from workers.runtime.listening import listen, why_not
from workers.runtime.logging import get_logger

_log = get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SHUTDOWN_SECONDS: Final = 2.0  # a browser that holds its connection must not use up the drain's time
_LARGEST_BYTES: Final = 1_048_576  # ours: a chat's webhook repeats the message it is about
_REMEDY: Final = "choose another with HIKESHI_CONSOLE__HOST and HIKESHI_CONSOLE__PORT (port 0: any free one)"


class ConsoleServer:
    """Listens and answers; `port` is the one that it really has."""

    def __init__(self, settings: ConsoleSettings, view: IncidentView, inbound: Inbound, language: str) -> None:
        self.host, self.port = settings.host, settings.port
        # Nobody chose the port and no link leads to it: a second `run` on this machine must not fail for it.
        self._any_port_will_do = "port" not in settings.model_fields_set and settings.public_url is None
        self._language = language
        self._runner: web.AppRunner | None = None
        self._app = web.Application(middlewares=[self._failures], client_max_size=_LARGEST_BYTES)
        self._app.on_response_prepare.append(_add_headers)
        self._app.add_routes(
            [
                web.get("/", self._home),
                web.get("/robots.txt", _robots),
                web.get("/incidents/{id:[a-z0-9-]{1,40}}", view.show),
                web.post("/incidents/{id:[a-z0-9-]{1,40}}", view.act),
                web.post("/hooks/slack", inbound.slack),
                web.post("/hooks/pagerduty", inbound.pagerduty),
            ]
        )

    async def start(self) -> None:
        """Listen. Raises ConfigurationError when the address can't be had."""
        try:
            listening = self._listen()
        except OSError as error:
            raise ConfigurationError(
                f"the console can't listen on {self.host}:{self.port} ({why_not(error)}): {_REMEDY}"
            ) from error
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        self.port = listening.getsockname()[1]
        _log.info("console_started", host=self.host, port=self.port)

    def _listen(self) -> socket:
        try:
            return listen(self.host, self.port)
        except OSError as error:
            if error.errno != EADDRINUSE or not self._any_port_will_do:
                raise
            _log.warning("console_port_taken", port=self.port, remedy="another is used; HIKESHI_CONSOLE__PORT sets one")
            return listen(self.host, 0)

    async def stop(self) -> None:
        """Listen no longer; what is being answered is finished."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _home(self, request: web.Request) -> web.Response:
        """Says what this is and shows nothing: there is no log-in yet."""
        return message(request, self._language, "home", HTTPStatus.OK, "home_log_in")

    @web.middleware
    async def _failures(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as answer:
            if answer.status >= HTTPStatus.BAD_REQUEST:
                answer.text = f"{answer.status} {answer.reason}\n"
            raise
        except HikeshiError as error:
            _log.warning("console_unavailable", error=str(error))
            return message(request, self._language, "away", HTTPStatus.SERVICE_UNAVAILABLE)
        except Exception as error:  # noqa: BLE001  the outermost loop of a request: its reader gets an answer
            _log.error("console_failed", exc_info=error)
            report(error, "console")
            return message(request, self._language, "broken", HTTPStatus.INTERNAL_SERVER_ERROR)


async def _add_headers(_: web.Request, answer: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers["Server"] = "hikeshi"


async def _robots(_: web.Request) -> web.Response:
    return web.Response(text="User-agent: *\nDisallow: /\n")
