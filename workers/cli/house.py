"""Opens the house for a command: the log and the store of the settings, prepared or checked."""

import gc
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click
import uvloop

from config.settings import Settings
from schemas.errors import ConfigurationError, UnavailableError
from schemas.topics import ALL
from workers.log import open_log
from workers.log.contract import Log
from workers.runtime.clock import Clock, SystemClock
from workers.runtime.deadline import Deadline
from workers.runtime.retry import backoff_seconds
from workers.store.migrate import check_shape, migrate
from workers.store.store import Store, open_store

T = TypeVar("T")

GC_OBJECTS: Final = 50_000  # ours: new objects between two looks of Python's collector, about a batch
# Ours: a broker or database that starts at the same time as we do is up within this; compose restarts us otherwise.
START_SECONDS: Final = 60.0
# Ours: how soon a thread that works (the classifier's, the embedded log's) lets the event loop run when it wants to.
# With Python's 5 ms the classifier stage reached 60-70 % of the bare loop's rate, with this 83-92 %.
SWITCH_SECONDS: Final = 0.0005
_RETRY_BASE_SECONDS: Final = 0.5
_RETRY_CAP_SECONDS: Final = 5.0


@dataclass
class House:
    """The log, the store and the clock of one command."""

    settings: Settings
    log: Log
    store: Store
    clock: Clock


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine."""
    # A batch is tens of thousands of objects that all go at its end: Python's collector, called each 700 of them, would
    # look through everything again and again. What is loaded by now stays until the end.
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 50)
    sys.setswitchinterval(SWITCH_SECONDS)
    return uvloop.run(work)


@asynccontextmanager
async def open_house(settings: Settings, *, must_exist: bool = True) -> AsyncIterator[House]:
    """Log and store for a short command. `must_exist`: an embedded data folder with nothing in it is refused."""
    if must_exist and settings.mode == "embedded" and not (settings.data / "log.db").exists():
        raise ConfigurationError(
            f"{settings.data}: there is no data here yet: start with `hikeshi run`, or name the folder with --data"
        )
    async with AsyncExitStack() as resources:
        yield await enter_house(settings, resources)


async def enter_house(settings: Settings, resources: AsyncExitStack) -> House:
    """Log and store, closed with `resources`."""
    log = await open_log(settings)
    resources.push_async_callback(log.close)
    store = open_store(settings.store_url)
    resources.push_async_callback(store.close)
    return House(settings, log, store, SystemClock())


async def prepare(log: Log, store: Store) -> list[str]:
    """What `init` does: topics and tables, both idempotent. Returns the names of the topics created."""
    await migrate(store)
    return await log.create_topics(ALL)


async def check_prepared(log: Log, store: Store | None) -> None:
    """Raises UnavailableError while `init` has not run."""
    for topic in ALL:
        await log.partitions(topic)
    if store is not None:
        await check_shape(store)


async def patiently(
    work: Callable[[], Awaitable[T]], clock: Clock, *, seconds: float | None = START_SECONDS, say: bool = True
) -> T:
    """Try until it is there, for so long at most (None: for ever); say once what is waited for."""
    deadline = Deadline(seconds, clock) if seconds is not None else None
    attempt = 0
    while True:
        try:
            return await work()
        except UnavailableError as error:
            if deadline is not None and deadline.expired:
                raise
            if say and attempt == 1:
                click.echo(f"Waiting: {error}", err=True)
        await clock.sleep(
            backoff_seconds(attempt, base=_RETRY_BASE_SECONDS, cap=_RETRY_CAP_SECONDS, jitter=random.random())  # noqa: S311
        )
        attempt += 1
