"""Posts by id and what was used: `/2/tweets`, `/2/usage/tweets`."""

import re
from typing import Any

from aiohttp import web

from workers.simulator.gate import answer, guarded
from workers.simulator.parameters import ParameterError, number, only, refuse
from workers.simulator.post import Post
from workers.simulator.problems import not_found, not_shown
from workers.simulator.render import Renderer
from workers.simulator.view import view
from workers.simulator.world import World


def routes(world: World) -> list[web.RouteDef]:
    """The endpoints of this file."""

    async def posts(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(_posts(world, request))
        except ParameterError as error:
            return answer(error.problem)

    async def usage(request: web.Request) -> web.StreamResponse:
        try:
            days = number(request.query, "days", 7, 1, 90)
        except ParameterError as error:
            return answer(error.problem)
        data = _usage(world, days)
        if asked := request.query.get("usage.fields"):
            data = {name: value for name, value in data.items() if name in asked.split(",")}
        return web.json_response({"data": data})

    return [
        web.get("/2/tweets", guarded(world, "lookup", posts)),
        web.get("/2/usage/tweets", guarded(world, "usage", usage)),
    ]


def _posts(world: World, request: web.Request) -> dict[str, Any]:
    only(request.query, ["ids"])
    shown = view(request.query, world.options.spellings, strict=world.options.strict_fields)
    ids = request.query.get("ids", "").split(",")
    if not 1 <= len(ids) <= 100 or not all(re.fullmatch(r"[0-9]{1,19}", post_id) for post_id in ids):
        raise refuse("ids", "The `ids` query parameter must hold 1 to 100 ids", ",".join(ids)[:200])
    found: list[Post] = []
    missing: list[dict[str, Any]] = []
    for post_id in dict.fromkeys(ids):
        post = world.archive.get(int(post_id))
        if post is None:
            reason, _ = world.archive.removed.get(int(post_id), ("deleted", None))
            missing.append((not_shown if reason == "protected" else not_found)("ids", post_id))
        else:
            found.append(post)
            world.meter.read(post.id)
    body = Renderer(world.archive, shown).answer(found)
    if missing:
        body.setdefault("errors", []).extend(missing)
    if not found:
        del body["data"]
    return body


def _usage(world: World, days: int) -> dict[str, Any]:
    def shown(count: int) -> str | int:
        return str(count) if world.options.numbers_as_text else count

    meter = world.meter
    recent = sorted(meter.days.items())[-days:]
    daily = [{"date": f"{day.isoformat()}T00:00:00.000Z", "usage": shown(count)} for day, count in recent]
    return {
        "cap_reset_day": 1,
        "project_id": "1",
        "project_cap": shown(meter.cap),
        "project_usage": shown(meter.used),
        "daily_project_usage": {"project_id": "1", "usage": daily},
        "daily_client_app_usage": [{"client_app_id": "1", "usage_result_count": len(daily), "usage": daily}],
    }
