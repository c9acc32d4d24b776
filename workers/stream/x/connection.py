"""One connection of the filtered stream, over tweepy's client: it ends with the reason, and never connects again."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Protocol

import aiohttp
from tweepy.asynchronous import AsyncStreamingClient

from workers.stream.lines import LineSplitter
from workers.x.api import x_headers
from workers.x.failure import Failure, of_answer

_CONNECT_SECONDS: Final = 10.0  # ours
_ANSWER_BYTES: Final = 64 * 1024  # ours: of a refusal, so much is read


class Receiver(Protocol):
    """Who listens: told of the connection, of each line and heartbeat (`heard`). No method may wait."""

    def connected(self) -> None: ...

    def heard(self) -> None: ...

    def line(self, data: bytes, fault: str | None) -> Failure | None:
        """Take the line; a Failure ends the connection."""


class StreamConnection(AsyncStreamingClient):  # type: ignore[misc]  # tweepy has no types
    """tweepy asks for the stream; connecting and reading are ours.

    tweepy's own loop connects again without a pause when X closes after a 200, ends successfully after an exception or
    a long line, swallows a cancel, and sees neither headers nor body of a refusal.
    """

    def __init__(self, base_url: str, token: str, silence_seconds: float, receiver: Receiver) -> None:
        super().__init__(token, max_retries=0)
        self._base_url, self._silence_seconds, self._receiver = base_url.rstrip("/"), silence_seconds, receiver
        self._ended: Failure | None = None

    async def listen(self, parameters: Mapping[str, str]) -> Failure:
        """Connect once and read until it ends; returns why. A cancel is raised as a cancel."""
        # tweepy knows `tweet_fields`; a name that it doesn't know goes out as it is.
        named = {name if name == "post.fields" else name.replace(".", "_"): value for name, value in parameters.items()}
        reading: asyncio.Task[Failure] = self.filter(**named)
        try:
            return await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _connect(self, method: str, endpoint: str, **request: Any) -> Failure:
        headers = x_headers(self.bearer_token)
        # A compressed stream comes late: what compresses it waits for more to compress.
        headers["Accept-Encoding"] = "identity"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=self._silence_seconds)
        url = f"{self._base_url}/2/tweets/{endpoint}/stream"
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(method, url, params=request.get("params"), allow_redirects=False) as response,
            ):
                if response.status != 200:
                    return of_answer(response.status, response.headers, await response.content.read(_ANSWER_BYTES))
                self._receiver.connected()
                return await self._read(response.content)
        except TimeoutError:
            return Failure("network", f"nothing came for {self._silence_seconds:g} s")
        except (aiohttp.ClientError, OSError) as error:
            # By its type alone: some of aiohttp's errors show the request's headers, and so the token.
            return Failure("network", f"the connection broke: {type(error).__name__}")

    async def _read(self, content: aiohttp.StreamReader) -> Failure:
        lines = LineSplitter("the stream")
        loop = asyncio.get_running_loop()
        whole_at = loop.time()
        async for chunk in content.iter_any():
            for line in lines.feed(chunk):
                await self.on_data(line.data, line.fault)  # the whole chunk: X has billed what is in it
            if self._ended is not None:
                return self._ended
            if chunk.endswith(b"\n"):
                self._receiver.heard()
                whole_at = loop.time()
            elif loop.time() - whole_at > self._silence_seconds:
                return Failure("network", f"no line was whole for {self._silence_seconds:g} s")
        return Failure("network", "X closed the connection")  # a line that it cut is found by search

    async def on_data(self, raw_data: bytes, fault: str | None = None) -> None:
        """Hand a line on: what is in it is judged by the receiver, which raises for no line."""
        self._ended = self._receiver.line(raw_data, fault) or self._ended
