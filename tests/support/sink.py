"""A webhook receiver that answers as a test tells it to, keeps all it got, and takes nothing it did not expect."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from aiohttp import web

from tests.support.ports import free_port

SIGNATURE_TOLERANCE_SECONDS = 300  # what receivers usually allow between signing and receiving


class Answer(NamedTuple):
    """What the next request gets. `hang`: nothing, until the sink closes. `cut`: the connection is dropped."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    delay_seconds: float = 0.0
    hang: bool = False
    cut: bool = False


OK = Answer()


def busy(seconds: str = "1", status: int = 429) -> Answer:
    """Rate limited, with `Retry-After` (seconds or an HTTP date)."""
    return Answer(status, {"Retry-After": seconds})


@dataclass(frozen=True)
class Received:
    """One request: what came, when, and what it was answered."""

    path: str
    at: float
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def key(self) -> str:
        return self.headers.get("Idempotency-Key", "")

    @property
    def json(self) -> dict[str, Any]:
        """The body, decoded."""
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded


@dataclass
class Sink:
    """`with Sink() as sink:` listens on the loopback in a thread of its own; post to `sink.url`."""

    secret: str | None = None
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    requests: list[Received] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    always: Answer = OK
    """The answer once `answers` is empty."""
    on_request: Callable[[Received], None] | None = None
    """Runs in the sink's thread before the answer goes out."""
    _bodies: dict[str, bytes] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def delivered(self) -> list[Received]:
        """What was answered with 2xx, in order."""
        return [request for request in list(self.requests) if 200 <= request.status < 300]

    def wait_for(self, count: int, timeout_seconds: float = 20.0) -> list[Received]:
        """Block until so many requests were delivered; returns them."""
        deadline = time.monotonic() + timeout_seconds
        while len(self.delivered) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.delivered)} of {count} deliveries within {timeout_seconds} s")
            time.sleep(0.02)
        return self.delivered

    async def wait_for_async(self, count: int, timeout_seconds: float = 20.0) -> list[Received]:
        """As `wait_for`, for tests that share a loop with what they test."""
        return await asyncio.to_thread(self.wait_for, count, timeout_seconds)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sink", daemon=True)
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def close(self) -> None:
        """Stop listening and drop every connection: the next attempt is refused."""
        self._call(self._runner.cleanup())

    def reopen(self) -> None:
        """Listen again on the same port."""
        self._call(self._open())

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _open(self) -> None:
        self._closing = asyncio.Event()
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", self._handle)
        application.on_shutdown.append(self._release)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()

    async def _release(self, _: web.Application) -> None:
        self._closing.set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        at, body = time.time(), await request.read()
        answer = self.answers.popleft() if self.answers else self.always
        status = 0 if answer.hang or answer.cut else answer.status
        received = Received(request.path, at, dict(request.headers), body, status)
        self._judge(request.method, received)
        self.requests.append(received)
        if self.on_request:
            self.on_request(received)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), None if answer.hang else answer.delay_seconds)
        if (answer.cut or answer.hang) and request.transport:
            request.transport.abort()
        return web.Response(status=answer.status, headers=answer.headers)

    def _judge(self, method: str, received: Received) -> None:
        """Note whatever a receiver may rely on and did not get."""
        key = received.key
        if method != "POST" or received.path != "/hook":
            self.faults.append(f"{method} {received.path} is nothing a receiver expects")
        if not key or len(key) > 64 or not key.isascii():
            self.faults.append(f"Idempotency-Key {key!r} is not of 1 to 64 ASCII characters")
        if self._bodies.setdefault(key, received.body) != received.body:
            self.faults.append(f"Idempotency-Key {key} came with two bodies: {self._bodies[key]!r}, {received.body!r}")
        try:
            decoded = json.loads(received.body)
        except ValueError:
            decoded = None
        if not isinstance(decoded, dict) or decoded.get("version") != 1:
            self.faults.append(f"not a JSON object of version 1: {received.body[:200]!r}")
        if self.secret:
            self._judge_signature(self.secret, received)

    def _judge_signature(self, secret: str, received: Received) -> None:
        signature = received.headers.get("Hikeshi-Signature", "")
        parts = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
        stamp = parts.get("t", "0")
        expected = hmac.new(secret.encode(), stamp.encode() + b"." + received.body, hashlib.sha256).hexdigest()
        fresh = stamp.isdigit() and abs(received.at - int(stamp)) <= SIGNATURE_TOLERANCE_SECONDS
        if not (fresh and hmac.compare_digest(expected, parts.get("v1", ""))):
            self.faults.append(f"Hikeshi-Signature {signature!r} does not sign this body now")
