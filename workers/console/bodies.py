"""The body of a request, from somebody we don't know yet: bounded in size and in time."""

import asyncio
from typing import Final

from aiohttp import web

BODY_SECONDS: Final = 10.0  # ours: who takes longer for a form or a press holds the connection for nothing


async def body_of(request: web.Request, most_bytes: int) -> bytes:
    """The body; an HTTP error for what is too large, too slow, or no body at all."""
    if (request.content_length or 0) > most_bytes:
        raise web.HTTPRequestEntityTooLarge(most_bytes, request.content_length or 0)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, OSError):  # compressed badly; broken off
        raise web.HTTPBadRequest from None
    if len(body) > most_bytes:  # it did not say how long it is
        raise web.HTTPRequestEntityTooLarge(most_bytes, len(body))
    return body
