"""The stream stage on the simulated X and the embedded log, with X's time scaled down."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from config.brands import Brand
from config.x_settings import XSettings
from schemas.mention import Mention
from schemas.topics import ALL, MENTIONS
from workers.log.embedded import EmbeddedLog
from workers.runtime.clock import SystemClock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.simulator.options import TOKEN, Options
from workers.simulator.server import Simulator
from workers.store import Store, open_store
from workers.store.migrate import migrate
from workers.stream.worker import StreamWorker
from workers.stream.x.concerns import Tell
from workers.stream.x.pace import Pace
from workers.stream.x.source import XSource
from workers.x.api import Rule, XApi

SPEED = 40.0
PATIENCE_SECONDS = 40.0


def scaled(speed: float = SPEED, **changed: float) -> Pace:
    """Every wait of the client, so much shorter."""
    waits = {field.name: getattr(Pace(), field.name) / speed for field in fields(Pace)}
    return Pace(**(waits | {"save": 0.05, "lease": 1.0, "refused": 1.0} | changed))


class Files:
    """What a worker needs of `config.files.Files`."""

    def __init__(self, *keywords: str, **others: Any) -> None:
        self.brands: tuple[Brand, ...] = (
            Brand.model_validate(
                {"name": "acme", "id": "acme", "keywords": list(keywords or ("Acme", "アクメ"))} | others
            ),
        )


class Rig:
    """One stream worker and its simulated X."""

    def __init__(self, simulator: Simulator, log: EmbeddedLog, store: Store, files: Files) -> None:
        self.simulator, self.log, self.store, self.files = simulator, log, store, files
        self.world = simulator.world
        self.clock = SystemClock()
        self.health = StageHealth("stream", self.clock)
        self.stopping = asyncio.Event()
        self.pace = scaled()
        self.worker: StreamWorker | None = None
        self.task: asyncio.Task[None] | None = None

    def source(
        self, *, fail_first: bool = False, owner: str = "rig", tell_ops: Tell | None = None, **settings: Any
    ) -> XSource:
        """The source, on the simulator."""
        given = {"bearer_token": SecretStr(TOKEN), "base_url": self.simulator.url} | settings
        return XSource(
            XSettings(**given), self.store, lambda: self.files.brands, self.health, self.clock,
            owner=owner, fail_first=fail_first, pace=self.pace, tell_ops=tell_ops,
        )  # fmt: skip

    def worker_of(self, source: XSource) -> StreamWorker:
        """A worker that reads this source."""
        letters = DeadLetters(self.log, MENTIONS, "stream", self.clock)
        files: Any = self.files
        return StreamWorker(self.log, source, files, self.clock, self.health, letters)

    def start(self, source: XSource | None = None, **settings: Any) -> None:
        """Run a worker."""
        self.stopping = asyncio.Event()
        self.worker = self.worker_of(source or self.source(**settings))
        self.task = asyncio.create_task(self.worker.run(self.stopping))

    async def talk(self, a_second: float) -> None:
        """Somebody says something again and again; each matches a rule and can be found by search."""
        number, started = 0, self.clock.monotonic()
        while True:
            await asyncio.sleep(0.01)
            while number < (self.clock.monotonic() - started) * a_second:
                number += 1
                self.world.say(f"アクメ の故障 {number}", username=f"person{number % 50}")

    async def add_rule(self, value: str, tag: str) -> None:
        """A rule of somebody else at X."""
        api = XApi(self.simulator.url, TOKEN)
        await api.add_rules([Rule(value, tag)], dry_run=False)
        await api.close()

    async def connected(self) -> None:
        """Wait for the stream."""
        await self.until(lambda: bool(self.world.connections))

    async def stop(self) -> None:
        """Let the worker drain."""
        self.stopping.set()
        if self.task is not None:
            await asyncio.wait_for(self.task, 10)

    async def kill(self) -> None:
        """End the worker without a drain, as far as one process can: nothing is saved any more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it holds; a worker that ends first raises."""
        async with asyncio.timeout(seconds):
            while not holds():
                if self.task is not None and self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)

    async def mentions(self) -> list[Mention]:
        """Everything on the topic."""
        return [
            msgspec.json.decode(record.value, type=Mention)
            async for records in self.log.read(MENTIONS, {0: 0})
            for record in records
            if record.value is not None
        ]

    async def complete(self, seconds: float = PATIENCE_SECONDS) -> list[Mention]:
        """Wait until every post that X owed is on the topic; each is there once."""
        latest = {post.original_id: post for post in self.world.owed()}  # search gives the latest revision alone
        owed = {(str(post.original_id), len(post.history) - 1) for post in latest.values()}
        async with asyncio.timeout(seconds):
            while True:
                mentions = await self.mentions()
                missing = owed - {(mention.id, mention.revision) for mention in mentions}
                if not missing:
                    break
                if self.task is not None and self.task.done():
                    self.task.result()
                await asyncio.sleep(0.05)
        twice = [key for key, count in Counter((m.id, m.revision) for m in mentions).items() if count > 1]
        assert twice == []
        return mentions


@asynccontextmanager
async def rig(folder: Path, files: Files | None = None, **options: Any) -> AsyncIterator[Rig]:
    """A rig in a folder; nothing runs yet but X."""
    log, store = EmbeddedLog(folder), open_store(f"sqlite:///{folder}/store.db")
    await log.create_topics(ALL)
    await migrate(store)
    async with Simulator(Options(**({"speed": SPEED} | options))) as simulator:
        made = Rig(simulator, log, store, files or Files())
        try:
            yield made
        finally:
            await made.kill()
    await log.close()
    await store.close()
