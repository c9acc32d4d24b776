"""The filtered stream and its connections: `/2/tweets/search/stream` and `/2/connections/all`."""

import itertools

from aiohttp import web

from workers.simulator.connection import Connection
from workers.simulator.faults import Fault
from workers.simulator.feed import Feed
from workers.simulator.gate import NOTED, answer, guarded
from workers.simulator.parameters import ParameterError, only
from workers.simulator.problems import NO_RULES, TOO_MANY_CONNECTIONS
from workers.simulator.view import view
from workers.simulator.world import World


def routes(world: World) -> list[web.RouteDef]:
    """The endpoints of this file."""
    numbers = itertools.count(1)

    async def stream(request: web.Request) -> web.StreamResponse:
        try:
            only(request.query, [])  # backfill is for Enterprise
            shown = view(request.query, ["tweet"])  # the streams keep the old names
        except ParameterError as error:
            return answer(error.problem)
        if not len(world.rules):
            return answer(NO_RULES)
        if not world.room():
            return answer(TOO_MANY_CONNECTIONS)
        response = web.StreamResponse(
            headers={"Content-Type": "application/json; charset=utf-8", **world.limits.headers("stream")}
        )
        response.enable_chunked_encoding()
        connection = Connection(next(numbers))
        world.connections[connection.number] = connection
        world.handled("stream", request.method, 200)
        request[NOTED] = True
        try:
            await response.prepare(request)
            orderly = await Feed(world, connection, shown, response).run()
            if orderly:
                await response.write_eof()
            elif request.transport is not None:
                request.transport.close()
        except ConnectionError:
            pass  # the client went away, as it may
        finally:
            world.connections.pop(connection.number, None)
            if world.plan.holds(Fault.GHOST, connection.number):
                world.ghosts.add(connection.number)
            world.plan.ended(connection.number)
        return response

    async def clear(_: web.Request) -> web.StreamResponse:
        killed = world.disconnect_all()
        return web.json_response({"data": {"successful_kills": killed, "failed_kills": 0, "results": []}})

    return [
        web.get("/2/tweets/search/stream", guarded(world, "stream", stream)),
        web.delete("/2/connections/all", guarded(world, "connections", clear)),
    ]
