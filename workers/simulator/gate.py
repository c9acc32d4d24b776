"""What every request of the API passes first: the token, the rate limit, the faults ordered for its endpoint."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from workers.simulator.faults import Fault, Scope
from workers.simulator.problems import (
    CREDITS_DEPLETED,
    FORBIDDEN,
    NO_RULES,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_REQUESTS,
    UNAUTHORIZED,
    USAGE_CAPPED,
    Problem,
)
from workers.simulator.world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ANSWERS: Final = {
    Fault.UNAUTHORIZED: UNAUTHORIZED,
    Fault.FORBIDDEN: FORBIDDEN,
    Fault.CONFLICT: NO_RULES,
    Fault.RATE_LIMITED: TOO_MANY_REQUESTS,
    Fault.RATE_LIMITED_NO_RESET: TOO_MANY_REQUESTS,
    Fault.RATE_LIMITED_PAST_RESET: TOO_MANY_REQUESTS,
    Fault.TOO_MANY_CONNECTIONS: TOO_MANY_CONNECTIONS,
    Fault.USAGE_CAP: USAGE_CAPPED,
    Fault.CREDITS_DEPLETED: CREDITS_DEPLETED,
}
_HTML: Final = "<!DOCTYPE html><html><head><title>X / Error</title></head><body><h1>Over capacity</h1></body></html>"
_FOREVER_SECONDS: Final = 24 * 3600.0
NOTED: Final = web.RequestKey("noted", bool)
DROPPED: Final = web.RequestKey("dropped", bool)
BILLED: Final = frozenset({"stream", "search", "lookup", "counts"})


def guarded(world: World, endpoint: str, handler: Handler) -> Handler:
    """The handler behind the gate."""

    async def handle(request: web.Request) -> web.StreamResponse:
        status = 0
        try:
            answer = await _pass(world, endpoint, handler, request)
            status = 0 if request.get(DROPPED) else answer.status
        finally:
            if not request.get(NOTED):  # an open stream notes itself when it opens, not when it ends
                world.handled(endpoint, request.method, status)
        return answer

    return handle


async def _pass(world: World, endpoint: str, handler: Handler, request: web.Request) -> web.StreamResponse:
    if request.headers.get("Authorization") != f"Bearer {world.options.token}":
        return answer(UNAUTHORIZED)
    allowed = world.limits.take(endpoint)
    headers = world.limits.headers(endpoint)
    if not allowed:
        return answer(TOO_MANY_REQUESTS, headers)
    if (fault := world.plan.take(Scope.ANSWER, endpoint)) is not None:
        return await _spoil(world, fault, request, headers)
    if not world.options.streaming and endpoint in {"stream", "rules", "rules-write", "connections"}:
        return answer(FORBIDDEN, headers)
    if world.meter.exhausted and endpoint in BILLED:
        return answer(USAGE_CAPPED, headers)
    response = await handler(request)
    if not response.prepared:
        response.headers.update(headers)
    return response


def answer(problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
    """An error as a response."""
    return web.json_response(problem.body, status=problem.status, headers=headers)


async def _spoil(world: World, fault: Fault, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
    if fault in _ANSWERS:
        if fault is Fault.RATE_LIMITED_NO_RESET:
            headers = {}
        elif fault is Fault.RATE_LIMITED_PAST_RESET:
            headers = headers | {"x-rate-limit-reset": str(int(world.clock.now().timestamp()) - 1)}
        if fault in {Fault.RATE_LIMITED, Fault.RATE_LIMITED_PAST_RESET}:
            headers = headers | {"x-rate-limit-remaining": "0"}
        return answer(_ANSWERS[fault], headers)
    if fault is Fault.HTML_503:
        return web.Response(text=_HTML, content_type="text/html", status=503)
    if fault is Fault.HANG:
        await asyncio.sleep(_FOREVER_SECONDS)  # until the client or the server goes away
    if fault is Fault.CLOSE_AT_ONCE:
        response = web.StreamResponse(headers={"Content-Type": "application/json", **headers})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write_eof()
        return response
    if request.transport is not None:
        request.transport.abort()
    request[DROPPED] = True
    return web.Response(status=500)  # nobody reads it
