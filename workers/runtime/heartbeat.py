"""Calls a dead-man service's URL each minute while all is well: its silence is the alarm."""

from collections.abc import Sequence
from typing import Final

import aiohttp

from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.http_client import open_http_client
from workers.runtime.logging import get_logger

_log = get_logger(__name__)

EVERY_SECONDS: Final = 60.0


async def beat_for_ever(url: str, healths: Sequence[StageHealth], clock: Clock) -> None:
    """GET the URL each minute if every stage is ready; say in the log when it could not be reached."""
    async with open_http_client() as client:
        while True:
            await clock.sleep(EVERY_SECONDS)
            metrics.HEARTBEATS.labels(await beat(client, url, healths)).inc()


async def beat(client: aiohttp.ClientSession, url: str, healths: Sequence[StageHealth]) -> str:
    """One call, or none when a stage is not ready; returns what came of it."""
    if not all(health.ready for health in healths):
        return "withheld"
    try:
        async with client.get(url) as response:
            if response.status < 400:
                return "sent"
            _log.warning("heartbeat_refused", status=response.status)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        # The URL itself is a secret of the service: only the kind of fault is said.
        _log.warning("heartbeat_failed", error=type(error).__name__)
    return "failed"
