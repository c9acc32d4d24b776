"""The simulator as a server: started on a loop, or in a thread of its own for a test that is not asynchronous."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final, Self, TypeVar

from aiohttp import web

from workers.runtime.clock import Clock, SystemClock
from workers.simulator import compliance, control, lookup, rule_endpoints, search, stream
from workers.simulator.gate import answer
from workers.simulator.inventor import Inventor
from workers.simulator.options import Options
from workers.simulator.problems import problem
from workers.simulator.world import World

_LONGEST_BODY_BYTES: Final = 64 * 1024 * 1024  # ours: a compliance upload of three million ids
_SHUTDOWN_SECONDS: Final = 0.2  # ours: streams never end by themselves
_TICK_SECONDS: Final = 0.02  # ours: posts of one tick come together, as they do from X
_THREAD_SECONDS: Final = 20.0
Result = TypeVar("Result")
_NO_SUCH_ENDPOINT: Final = problem(404, "resource-not-found", "Not Found", "This endpoint is not simulated.")


class Simulator:
    """`async with Simulator(Options(speed=60)) as x:` serves at `x.url`; `x.world` is what goes on behind it.

    `clock`: its date may be any; its seconds must be real ones, for the server waits in these.
    """

    def __init__(
        self, options: Options | None = None, *, clock: Clock | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.options = options or Options()
        self.world = World(self.options, clock or SystemClock())
        self.inventor = Inventor(self.world)
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None
        self._inventing: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base URL, once it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError when the address can't be had."""
        app = web.Application(client_max_size=_LONGEST_BODY_BYTES, middlewares=[control.explain])
        for part in (stream, rule_endpoints, search, lookup, compliance, control):
            app.add_routes(part.routes(self.world))
        app.router.add_route("*", "/{path:.*}", _nothing)
        # A stream whose client has gone must not count until the next write fails.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = runner.addresses[0][1]
        self._runner = runner
        self._inventing = asyncio.create_task(self._invent())

    async def stop(self) -> None:
        """Listen no longer; open streams are dropped."""
        if self._inventing is not None:
            self._inventing.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _invent(self) -> None:
        """As many posts a second as the pace says, however long a tick takes."""
        loop, due = asyncio.get_running_loop(), 0.0
        last = loop.time()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = loop.time()
            due += (now - last) * self.options.pace
            last = now
            while due >= 1:
                due -= 1
                self.inventor.post()


class SimulatorThread:
    """`with SimulatorThread(Simulator()) as thread:` serves from a thread; what touches its world goes by `call`."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="x-simulator", daemon=True)

    def call(self, function: Callable[..., Result], *args: Any, **named: Any) -> Result:
        """Run it in the server's thread, and wait: `thread.call(simulator.world.say, "Acme is down")`."""

        async def run() -> Result:
            return function(*args, **named)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_THREAD_SECONDS)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.simulator.start(), self._loop).result(_THREAD_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.simulator.stop(), self._loop).result(_THREAD_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_THREAD_SECONDS)
        self._loop.close()


async def _nothing(_: web.Request) -> web.Response:
    return answer(_NO_SUCH_ENDPOINT)
