"""Answers that X never finished: cut in the middle, of another kind, empty. Nothing is removed by any of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from tests.workers.steward.rig import Rig

GONE = (
    '{"errors": [{"value": "ID", "resource_id": "ID", "parameter": "ids", '
    '"type": "https://api.x.com/2/problems/resource-not-found"}]}'
)
RESULT = '{"id": "ID", "action": "delete", "reason": "deleted"}\n{"id": "2", "action": "del'


@asynccontextmanager
async def served(body: str, missing: int) -> AsyncIterator[str]:
    """A server that answers everything with this body, so many bytes of which never come; and knows compliance jobs."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/2/compliance"):
            url = str(request.url.origin())
            job = {"id": "7", "status": "complete" if request.method == "GET" else "created"}
            return web.json_response({"data": job | {"upload_url": f"{url}/up", "download_url": f"{url}/down"}})
        if request.path == "/up":
            return web.Response()
        response = web.StreamResponse(headers={"Content-Length": str(len(body.encode()) + missing)})
        await response.prepare(request)
        await response.write(body.encode())
        if missing and request.transport is not None:
            request.transport.close()
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


ANSWERS = {
    "whole: the same would remove it": (GONE, 0, True),
    "cut": (GONE[:-20], 20, False),
    "cut, and the length says nothing": (GONE[:-20], 0, False),
    "complete in itself, yet more was promised": (GONE, 500, False),
    "empty": ("", 0, False),
    "no object": ("[]", 0, False),
    "a page of HTML": ("<html>over capacity</html>", 0, False),
    "not a word of the post": ('{"data": []}', 0, False),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_look_ups(name: str, light: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    body, missing, removed = ANSWERS[name]
    (post_id,) = await light.hold(light.say("アクメ"))
    async with served(body.replace("ID", post_id), missing) as url:
        monkeypatch.setattr(type(light.x), "url", url)
        async with light.tasks(first_day_every="1d") as tasks:
            for _ in range(12):
                await tasks["checking"].turn()
            light.clock.move(seconds=61)
            for _ in range(12):
                await tasks["checking"].turn()
    assert (post_id in await light.posts()) != removed


@pytest.mark.parametrize(
    ("body", "missing", "removed"), [(RESULT.splitlines()[0], 0, True), (RESULT, 0, False), (RESULT, 9, False)]
)
async def test_compliance_results(
    body: str, missing: int, removed: bool, light: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    (post_id,) = await light.hold(light.say("アクメ", ago=timedelta(days=2)))
    async with served(body.replace("ID", post_id), missing) as url:
        monkeypatch.setattr(type(light.x), "url", url)
        async with light.tasks(removals="compliance") as tasks:
            for _ in range(5):
                await tasks["jobs"].turn()
    assert (post_id in await light.posts()) != removed
