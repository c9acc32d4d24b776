"""Slack's Socket Mode: presses of buttons come over a connection that we open, so that no public address is needed.

A press is acknowledged to Slack once it is done, or refused in words: where the store is away Slack shows its presser
that it failed. Every console worker connects (Slack allows ten); each press comes to one of them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any, Final

import aiohttp

from config.channels import SlackEntry
from config.files import Files
from schemas.errors import UnavailableError
from workers.incidents.slack_buttons import Press, presses
from workers.runtime.clock import Clock
from workers.runtime.errors_report import report
from workers.runtime.http_client import open_http_client
from workers.runtime.logging import get_logger
from workers.runtime.retry import backoff_seconds
from workers.runtime.stopping import unless

_log = get_logger(__name__)

LOOK_SECONDS: Final = 5.0  # ours: how often it is looked whether routes.yaml names other apps
ANSWER_SECONDS: Final = 2.5  # Slack's is 3: later it shows the presser a failure
HEARTBEAT_SECONDS: Final = 20.0  # ours: a connection that answers no ping is opened anew
# Ours: after a failure first soon, then each minute; a token that Slack refuses is looked at by people.
RETRY_BASE_SECONDS, RETRY_CAP_SECONDS, REFUSED_SECONDS = 1.0, 60.0, 300.0

Take = Callable[[Press], Awaitable[None]]
App = tuple[str, str]
"""An app's token and where its API is."""


class RefusedError(Exception):
    """Slack will not open a connection for this app."""


class SlackSockets:
    """A connection for each app of routes.yaml that has an app-level token. `take` does what a press says."""

    def __init__(self, files: Files, clock: Clock, take: Take) -> None:
        self._files, self._clock, self._take = files, clock, take
        self._jitter = Random().random  # noqa: S311  spreads retries, guards nothing

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep the connections until `stopping` is set."""
        tasks: dict[App, asyncio.Task[None]] = {}
        try:
            while not stopping.is_set():
                wanted = set(self._apps())
                for app in tasks.keys() - wanted:
                    tasks.pop(app).cancel()
                for app in [app for app, task in tasks.items() if task.done()]:
                    _say_why(tasks.pop(app))
                for app in wanted - tasks.keys():
                    tasks[app] = asyncio.create_task(self._keep(*app), name="slack-socket")
                await unless(stopping, self._clock.sleep(LOOK_SECONDS))
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    def _apps(self) -> Iterator[App]:
        for receiver in self._files.policy.receivers.values():
            entry = receiver.settings
            if isinstance(entry, SlackEntry) and entry.app_token is not None:
                yield entry.app_token.get_secret_value(), entry.url.rstrip("/")

    async def _keep(self, token: str, api: str) -> None:
        """Connect, and again whenever the connection ends."""
        failures = 0
        while True:
            try:
                await self._listen(token, api)
                failures = 0
                continue  # Slack asks for a new connection every few hours
            except RefusedError as error:
                _log.error("slack_socket_refused", why=str(error), remedy="look at app_token and at Socket Mode")
                seconds = REFUSED_SECONDS
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
                _log.warning("slack_socket_lost", error=type(error).__name__)
                seconds = backoff_seconds(
                    failures, base=RETRY_BASE_SECONDS, cap=RETRY_CAP_SECONDS, jitter=self._jitter()
                )
            failures += 1
            await self._clock.sleep(seconds)

    async def _listen(self, token: str, api: str) -> None:
        """One connection, from its opening until Slack wants another."""
        async with open_http_client() as client:
            url = await _address(client, token, api)
            async with client.ws_connect(url, heartbeat=HEARTBEAT_SECONDS) as socket:
                _log.info("slack_socket_connected")
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        continue
                    told = json.loads(message.data)
                    if not isinstance(told, dict):
                        continue
                    if told.get("type") == "disconnect":
                        if told.get("reason") == "link_disabled":
                            raise RefusedError("Socket Mode is switched off")
                        return
                    await self._answer(socket, told)
                raise aiohttp.ClientConnectionError

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, told: Any) -> None:
        envelope = told.get("envelope_id")
        if not isinstance(envelope, str):
            return
        # Late, it is left to end by itself: SQLite's driver never comes back from a transaction called off half-way.
        taking = asyncio.ensure_future(self._take_all(presses(told.get("payload"))))
        try:
            await asyncio.wait_for(asyncio.shield(taking), ANSWER_SECONDS)
        except (TimeoutError, UnavailableError) as error:
            _log.warning("press_not_taken", error=type(error).__name__)
            return
        await socket.send_json({"envelope_id": envelope})

    async def _take_all(self, found: list[Press]) -> None:
        for press in found:
            await self._take(press)


def _say_why(ended: asyncio.Task[None]) -> None:
    """A connection's task ends by a defect alone: that is told, and the buttons go on with a new one."""
    error = None if ended.cancelled() else ended.exception()
    if error is not None:
        _log.error("slack_socket_failed", exc_info=error)
        report(error, "console")


async def _address(client: aiohttp.ClientSession, token: str, api: str) -> str:
    """Where to connect, once. Raises RefusedError where Slack says no."""
    headers = {"Authorization": f"Bearer {token}"}
    async with client.post(f"{api}/apps.connections.open", headers=headers, allow_redirects=False) as answer:
        if answer.status != 200:
            raise aiohttp.ClientConnectionError
        found = json.loads(await answer.content.read(65_536))
    if found.get("ok") is not True:
        if found.get("error") in ("internal_error", "fatal_error", "ratelimited", "service_unavailable"):
            raise aiohttp.ClientConnectionError
        raise RefusedError(str(found.get("error"))[:100])
    return str(found["url"])
