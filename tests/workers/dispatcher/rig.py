"""A dispatcher's delivery on a real store and real HTTP, with a clock whose time a test can move on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from config.brands import Burst
from config.routes import Policy, Receiver, Route, Throttle, Webhook
from config.templates import built_in
from tests.support.sink import Sink
from tests.workers.incidents.scene import TOPIC
from workers.dispatcher.channels import open_channel
from workers.dispatcher.delivery import Delivery
from workers.dispatcher.messages import StoredBook
from workers.dispatcher.timers import Timers
from workers.incidents import ingest
from workers.incidents.change import to_millis
from workers.runtime.health import StageHealth
from workers.runtime.http_client import open_http_client
from workers.store import Store


class MovedClock:
    """The machine's clock, moved on by a test; sleeping is real, and short."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return time.monotonic() + self.offset.total_seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


class FixedFiles:
    """Files that say what a test says."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.brands, self.answers, self.templates = policy, (), (), built_in()


class Rig:
    """Marks in by `arrive`, notifications out at the sinks; `move` lets time pass."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self.store, self.clock, self.files = store, MovedClock(), FixedFiles(policy)
        self.rules: dict[str, Burst | None] = {"acme": Burst(authors=20, within=timedelta(minutes=10))}
        self._offset: int | None = None

    async def arrive(self, *arrivals: ingest.Arrival, removals: Any = ()) -> None:
        now = to_millis(self.clock.now())
        around = ingest.Context(self.store.dialect, self.files.policy, self.rules, now)
        following = (self._offset or 0) + len(arrivals) + len(removals)
        async with self.store.write() as connection:
            await ingest.ingest(connection, around, TOPIC, {0: (self._offset, following)}, arrivals, removals)
        self._offset = following
        self.delivery.wake()

    async def move(self, seconds: float) -> None:
        self.clock.offset += timedelta(seconds=seconds)
        self.delivery.wake()

    async def rows(self, statement: str) -> list[Any]:
        async with self.store.read() as connection:
            return list((await connection.execute(text(statement))).all())

    async def until(self, holds: Callable[[], Any], seconds: float = 15.0) -> None:
        """Wait until it holds (a plain or an async condition)."""
        end = time.monotonic() + seconds
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            assert time.monotonic() < end, "it never came to hold"
            await asyncio.sleep(0.02)

    async def state(self, state: str) -> int:
        """How many notifications are in this state."""
        return [row.state for row in await self.rows("SELECT state FROM outbox")].count(state)

    async def settle(self, seconds: float = 0.6) -> None:
        """Long enough for anything that wanted to go out to have gone."""
        self.delivery.wake()
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def running(self, owner: str = "one") -> AsyncIterator["Rig"]:
        stopping = asyncio.Event()
        async with open_http_client(total_seconds=1.0) as client:
            self.delivery = Delivery(
                self.store,
                self.files,  # type: ignore[arg-type]  # all that is asked of it
                lambda receiver: open_channel(
                    receiver, client, self.clock, lambda: self.files.templates, StoredBook(self.store, receiver.name)
                ),
                self.clock,
                StageHealth("dispatcher", self.clock),
                owner,
            )
            timers = Timers(self.store, self.files, self.clock, self.delivery.wake)  # type: ignore[arg-type]
            tasks = [asyncio.create_task(self.delivery.run(stopping)), asyncio.create_task(timers.run(stopping))]
            try:
                yield self
            finally:
                stopping.set()
                self.delivery.wake()
                await asyncio.gather(*tasks)


def webhook(
    name: str, sink: Sink, *, throttle: Throttle | None = None, fallback: str | None = None, secret: Any = None
) -> Receiver:
    return Receiver(name, "webhook", Webhook(sink.url, secret), throttle, fallback)


def policy(*receivers: Receiver, to: tuple[str, ...] | None = None, **pace: Any) -> Policy:
    pace = {"group_wait": timedelta(0), "group_interval": timedelta(minutes=5)} | pace
    return Policy({r.name: r for r in receivers}, Route(to or (receivers[0].name,), **pace))
