"""The one set-up of our HTTP client: time-outs on everything, few connections a host, no cookies, our name."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

import aiohttp

# The contract's time-out of a webhook; connecting alone gets less, so that a dead host is known sooner.
TOTAL_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 5.0
# Ours: a receiver is leased to one replica and sent to in order, so few connections are ever useful.
CONNECTIONS_PER_HOST: Final = 4


def release() -> str:
    """The program's version."""
    try:
        return version("hikeshi")
    except PackageNotFoundError:  # run from a folder that was not installed
        return "0"


def open_http_client(total_seconds: float = TOTAL_SECONDS) -> aiohttp.ClientSession:
    """A client session; the caller closes it. Call it with an event loop running."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=total_seconds, sock_connect=CONNECT_SECONDS),
        connector=aiohttp.TCPConnector(limit_per_host=CONNECTIONS_PER_HOST),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"hikeshi/{release()}"},
    )
