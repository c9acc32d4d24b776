"""What the fakes share: a server on the loopback that answers as a test tells it to, and keeps all it got."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import jsonschema
from aiohttp import web


class Refusal(NamedTuple):
    """What the next request gets in place of the provider's usual answer. `hang`: no answer at all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = MappingProxyType({})
    hang: bool = False


@dataclass
class Got:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    json: Any
    raw: bytes


@dataclass
class Provider:
    """`async with Slack() as slack:` listens; `slack.url` is where. Its faults must be empty at the end."""

    got: list[Got] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    refusals: deque[Refusal] = field(default_factory=deque)

    async def __aenter__(self) -> Self:
        self._closing = asyncio.Event()
        application = web.Application(client_max_size=4 * 1024 * 1024)
        self.add_routes(application.router)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._closing.set()
        await self._runner.cleanup()
        assert kind is not None or self.faults == []

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Routes that are more than request and answer."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        try:
            decoded = json.loads(raw) if raw else None
        except ValueError:
            decoded = None
            self.faults.append(f"not JSON: {raw[:200]!r}")
        got = Got(request.method, request.path_qs, dict(request.headers), decoded, raw)
        self.got.append(got)
        if raw and not request.headers.get("Content-Type", "").startswith("application/json"):
            self.faults.append(f"{got.path}: the content type is {request.headers.get('Content-Type')}")
        self.judge(got)
        if self.refusals:
            refusal = self.refusals.popleft()
            if refusal.hang:
                await self._closing.wait()
            return web.json_response(refusal.body, status=refusal.status, headers=refusal.headers)
        return self.answer(got)

    def judge(self, got: Got) -> None:
        """Note whatever this provider would refuse."""

    def answer(self, got: Got) -> web.Response:
        """What this provider answers when all is well."""
        return web.json_response({})

    def expect(self, schema: Mapping[str, Any], value: Any, what: str) -> None:
        """Note each way in which a value is not of a schema."""
        for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
            place = "/".join(map(str, error.absolute_path))
            self.faults.append(f"{what}: {place}: {error.message[:300]}")

    def at_most(self, limit: int, length: int, what: str) -> None:
        """Note what is too long, in the provider's unit."""
        if length > limit:
            self.faults.append(f"{what}: {length} where {limit} are allowed")


def units(text: str) -> int:
    """UTF-16 code units, counted by another way than the program's."""
    return sum(2 if ord(c) > 0xFFFF else 1 for c in text)


def closed(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """The schema of an object with these keys and no others."""
    return {
        "type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False,
    }  # fmt: skip
