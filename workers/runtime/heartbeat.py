"""Calls a dead-man service's URL while all is well: its silence is the alarm."""

from typing import Final

import aiohttp

from workers.runtime.logging import get_logger

_log = get_logger(__name__)

EVERY_SECONDS: Final = 60.0


async def beat(client: aiohttp.ClientSession, url: str) -> str:
    """One call; returns what came of it. The self-audit makes it, and withholds it while something is overdue."""
    try:
        async with client.get(url) as response:
            if response.status < 400:
                return "sent"
            _log.warning("heartbeat_refused", status=response.status)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        # The URL itself is a secret of the service: only the kind of fault is said.
        _log.warning("heartbeat_failed", error=type(error).__name__)
    return "failed"
