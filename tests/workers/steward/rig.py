"""The steward's tasks on a real store, an embedded log and a simulated X over real HTTP, with a clock to move."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from config.brands import Brand
from config.settings import Settings
from config.steward import StewardSettings
from schemas.mention import record_key
from schemas.topics import ALL, MARKS, MENTIONS
from tests.workers.incidents.scene import Scene, arrival, ms
from workers.log.contract import Outgoing
from workers.log.embedded import EmbeddedLog
from workers.runtime.health import StageHealth
from workers.simulator.options import TOKEN, Options
from workers.simulator.post import Post
from workers.simulator.server import Simulator
from workers.steward.worker import StewardWorker, Task
from workers.store import Store
from workers.x.backoff import Waits

QUICK = Waits(network_step=0.01, http_base=0.01, http_cap=0.1, limited_base=0.01, limited_cap=0.1, refused=0.2)


class Clock:
    """The machine's clock, moved on by a test; sleeping is real, and short. Begins at noon: no day ends by chance."""

    def __init__(self) -> None:
        self.offset = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic() + self.offset.total_seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))

    def move(self, **by: float) -> None:
        self.offset += timedelta(**by)


class Files:
    """Files that say what a test says."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.brands = (Brand.model_validate({"name": "acme", "id": "acme", "keywords": ["Acme"]}),)

    @property
    def policy(self) -> Any:
        return self._scene.policy


class Rig:
    """`hold` puts a post of X into the store and on the topics; `turns` lets a task work."""

    def __init__(self, store: Store, log: EmbeddedLog, x: Simulator, clock: Clock) -> None:
        self.store, self.log, self.x, self.world, self.clock = store, log, x, x.world, clock
        self.scene = Scene(store)
        self.files: Any = Files(self.scene)
        self.waits = QUICK

    def worker(
        self, owner: str = "one", *, token: str | None = TOKEN, daily_posts: int | None = None, **steward: Any
    ) -> StewardWorker:
        settings = Settings.model_validate(
            {
                "x": {
                    "bearer_token": token and SecretStr(token),
                    "base_url": self.x.url,
                    "daily_posts": daily_posts,
                },
                "steward": StewardSettings(**({"removals": "lookup"} | steward)),
            }
        )
        health = StageHealth("steward", self.clock)
        return StewardWorker(
            self.log, self.store, self.files, settings, self.clock, health, owner=owner, waits=self.waits
        )

    @asynccontextmanager
    async def tasks(self, **steward: Any) -> AsyncIterator[dict[str, Task]]:
        """The tasks by name, of one worker."""
        from contextlib import AsyncExitStack

        async with AsyncExitStack() as resources:
            yield {task.name: task for task in self.worker(**steward)._tasks(resources)}

    def say(self, words: str = "アクメの充電器が壊れた", *, ago: timedelta = timedelta(hours=2), **more: Any) -> Post:
        return self.world.say(words, at=self.clock.now() - ago, **more)

    async def hold(self, *posts: Post, brand: str = "acme", source: str = "x", **mark: Any) -> list[str]:
        """Store these as if the stream had brought them; returns their ids."""
        arrivals = [
            arrival(
                post.text, id=str(post.original_id), brand=brand, created=post.created_at, source=source,
                keywords=["アクメ"], **mark,
            )
            for post in posts
        ]  # fmt: skip
        await self.scene.arrive(*arrivals, now=self.clock.now())
        for topic in (MENTIONS, MARKS):
            await self.log.produce(
                topic,
                [Outgoing(0, record_key(brand, a.mention.id), bytes(a.mark.mention)) for a in arrivals],
            )
        return [a.mention.id for a in arrivals]

    async def turns(self, task: Task, most: int = 50) -> None:
        """Let a task work until it rests."""
        for _ in range(most):
            wait = await task.turn()
            if wait >= 5:
                return
            await asyncio.sleep(min(wait, 0.05))
        raise AssertionError(f"{task.name} never rests")

    async def posts(self) -> set[str]:
        return {row.id for row in await self.rows("SELECT id FROM posts")}

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.store.read() as connection:
            return list((await connection.execute(text(statement), values)).all())

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.store.write() as connection:
            await connection.execute(text(statement), values)

    async def on_topic(self, topic: Any = MENTIONS) -> dict[bytes, bytes | None]:
        """The last value of each key."""
        return {
            record.key: record.value
            async for records in self.log.read(topic, {0: 0})
            for record in records
            if record.key is not None
        }

    async def alerts(self) -> set[str]:
        """The kinds of trouble that ops was told of and that are not over."""
        return {row.kind for row in await self.rows("SELECT kind FROM ops_alerts WHERE cleared_at IS NULL")}

    def asked(self, endpoint: str = "lookup") -> int:
        return sum(request.endpoint == endpoint for request in self.world.requests)


@asynccontextmanager
async def rig(store: Store, folder: Path, **options: Any) -> AsyncIterator[Rig]:
    """A rig; nothing runs yet but X."""
    clock, log = Clock(), EmbeddedLog(folder)
    await log.create_topics(ALL)
    async with Simulator(Options(**({"speed": 100} | options)), clock=clock) as x:
        yield Rig(store, log, x, clock)
    await log.close()


__all__ = ["Rig", "ms", "rig"]
