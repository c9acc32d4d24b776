"""A client of the simulator that takes for granted only HTTP: what it gets, byte for byte."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from workers.simulator.options import TOKEN, Options
from workers.simulator.server import Simulator

RULE = '(Acme OR "アクメ") -is:retweet'
ALL_FIELDS = {
    "tweet.fields": "author_id,created_at,lang,public_metrics,conversation_id,in_reply_to_user_id,referenced_tweets,"
    "entities,note_tweet,edit_history_tweet_ids,possibly_sensitive,withheld",
    "user.fields": "username,name,created_at,public_metrics,verified,verified_type,description,protected",
    "expansions": "author_id",
}


@dataclass
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.text)
        return decoded


class Ear:
    """An open stream: its lines as they come. `over`: how it ended; `last`: the last line before."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.status = response.status
        self.chunks: list[bytes] = []
        self.over: str | None = None
        self.last = b""
        self._rest = b""
        self._lines: list[bytes] = []

    async def line(self, timeout_seconds: float = 5.0) -> bytes:
        """The next line that holds something. Raises TimeoutError, EOFError at the end."""
        while True:
            line = await self.raw(timeout_seconds)
            if line.strip():
                return line

    async def raw(self, timeout_seconds: float = 5.0) -> bytes:
        """The next line, heartbeats among them."""
        async with asyncio.timeout(timeout_seconds):
            while not self._lines:
                await self._read()
        return self._lines.pop(0)

    async def message(self, timeout_seconds: float = 5.0) -> dict[str, Any]:
        """The next message."""
        decoded: dict[str, Any] = json.loads(await self.line(timeout_seconds))
        return decoded

    async def end(self, timeout_seconds: float = 5.0) -> str:
        """Read on until the end: `closed` in good order, `cut` otherwise."""
        try:
            while True:
                self.last = await self.raw(timeout_seconds) or self.last
        except EOFError:
            return self.over or "?"

    async def _read(self) -> None:
        try:
            chunk = await self.response.content.readany()
        except aiohttp.ClientError:
            self.over = "cut"
            raise EOFError from None
        if not chunk:
            self.over = "closed"
            raise EOFError
        self.chunks.append(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\r\n")
        self._lines += lines


class Client:
    """Asks a simulator."""

    def __init__(self, x: Simulator, session: aiohttp.ClientSession) -> None:
        self.x, self.world, self._session = x, x.world, session

    async def ask(self, method: str, path: str, *, body: Any = None, **query: str) -> Got:
        """One request. `body`: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        query = {name.replace("__", "."): value for name, value in query.items()}
        async with self._session.request(method, path, params=query, data=data) as response:
            return Got(response.status, dict(response.headers), await response.text())

    async def get(self, path: str, **query: str) -> Got:
        return await self.ask("GET", path, **query)

    async def search(self, query: str, **more: str) -> Got:
        return await self.get("/2/tweets/search/recent", query=query, **more)

    async def rules(self, *values: str, **query: str) -> Got:
        """Add rules, each with its number as the tag."""
        wanted = [{"value": value, "tag": f"tag/{number}"} for number, value in enumerate(values)]
        return await self.ask("POST", "/2/tweets/search/stream/rules", body={"add": wanted}, **query)

    @asynccontextmanager
    async def listen(self, **query: str) -> AsyncIterator[Ear]:
        """Open the stream."""
        async with self._session.get("/2/tweets/search/stream", params=query or ALL_FIELDS) as response:
            yield Ear(response)


@asynccontextmanager
async def client(options: Options | None = None, token: str = TOKEN) -> AsyncIterator[Client]:
    """A simulator with time a hundred times as fast, and somebody who asks it."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        Simulator(options or Options(speed=100)) as x,
        aiohttp.ClientSession(x.url, headers=headers) as session,
    ):
        yield Client(x, session)


async def until(holds: Callable[[], object], timeout_seconds: float = 5.0) -> None:
    """Wait for what another task brings about."""
    async with asyncio.timeout(timeout_seconds):
        while not holds():  # noqa: ASYNC110  the simulator has no event for it
            await asyncio.sleep(0.01)


def fetch(base: str, path: str, headers: dict[str, str] | None = None) -> Got:
    """One GET, for tests that have no loop."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return Got(answer.status, dict(answer.headers), answer.read().decode())
    finally:
        connection.close()
