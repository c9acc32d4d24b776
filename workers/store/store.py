"""The store: one object over SQLite and PostgreSQL with transactions, and its libraries' errors turned into ours."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from schemas.errors import (
    ConfigurationError,
    ContestedError,
    HikeshiError,
    RejectedError,
    StopError,
    UnavailableError,
)
from workers.runtime.clock import Clock, SystemClock
from workers.runtime.retry import backoff_seconds

_T = TypeVar("_T")

CONNECT_SECONDS: Final = 5.0
# A statement of ours takes milliseconds; one that takes longer than this waits for a lock or a dead server.
STATEMENT_SECONDS: Final = 30.0
SQLITE_BUSY_SECONDS: Final = 10.0  # another process (the command line) holds the write lock for so long at most

# Ours: who met others in a circle once seldom does so again, and a person waits. PostgreSQL takes a second to see each.
CHANGE_ATTEMPTS: Final = 5
_CHANGE_BASE_SECONDS: Final = 0.02
_CHANGE_CAP_SECONDS: Final = 0.5

_CONTESTED: Final = ("40001", "40P01")  # SQLSTATEs: serialization failure, deadlock; all of it was rolled back
# SQLSTATE classes: connection, shutdown, resources, retry; a plan older than a migration; a standby that takes over.
_CONNECTION_LOST: Final = ("08", "57P", "53", "40", "0A000", "25006")
# A value that the database can't hold, a statement too large, the same row twice: something in the data is at fault.
_REFUSED: Final = ("22", "54", "21")


class Store:
    """Transactions on the store.

    `write()` takes SQLite's write lock at once (`BEGIN IMMEDIATE`), so that reads within it hold until its commit;
    on PostgreSQL rows are locked by the statements (`FOR UPDATE`). Both raise UnavailableError when the database is
    away, StopError when its disk is full.
    """

    def __init__(self, engine: AsyncEngine, reading: AsyncEngine) -> None:
        self._engine, self._reading = engine, reading
        self._clock: Clock = SystemClock()
        self.dialect = engine.dialect.name
        # SQLite has one writer at a time: waiting here is fair and wakes at once, its own busy handler polls.
        self._one_writer = asyncio.Lock() if self.dialect == "sqlite" else None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that changes something: committed at the end of the block, rolled back if it raises."""
        if self._one_writer is None:
            async with _translated(), self._engine.begin() as connection:
                yield connection
        else:
            async with self._one_writer, _translated(), self._engine.begin() as connection:
                yield connection

    async def change(self, work: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
        """What a person does, in one `write()`. Where others wanted the same rows in a circle the person is not told of
        it: `work` is called anew in a new transaction, a few times. So it must change nothing but the store."""
        attempt = 0
        while True:
            try:
                async with self.write() as connection:
                    return await work(connection)
            except ContestedError:
                attempt += 1
                if attempt == CHANGE_ATTEMPTS:
                    raise
            jitter = random.random()  # noqa: S311  spreads retries, guards nothing
            await self._clock.sleep(
                backoff_seconds(attempt - 1, base=_CHANGE_BASE_SECONDS, cap=_CHANGE_CAP_SECONDS, jitter=jitter)
            )

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; it waits for no writer."""
        async with _translated(), self._reading.connect() as connection:
            yield connection

    async def erase_traces(self) -> bool:
        """After a removal: take the old pages out of SQLite's write-ahead log too, so that no file holds them.

        False while a reader is in the way: call it again.
        """
        if self.dialect != "sqlite":
            return True
        async with _translated(), self._reading.connect() as connection:
            done = await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            return not done.one()[0]  # whether it was busy

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
        await self._reading.dispose()


def open_store(url: str) -> Store:
    """The store at `sqlite:///PATH` or `postgresql://…`; connects at the first use.

    Raises ConfigurationError for another kind of URL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database:
            raise ConfigurationError("store.url: names no file; write sqlite:///PATH")
        return Store(_sqlite(parsed, writes=True), _sqlite(parsed, writes=False))
    if parsed.get_backend_name() == "postgresql":
        engine = create_async_engine(
            parsed.set(drivername="postgresql+asyncpg"),
            pool_size=8,  # ours: the batch, the deliveries, the timers; a dispatcher never needs more at once
            max_overflow=4,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=False,  # a lost connection is an UnavailableError, and the batch is tried again anyway
            connect_args={"timeout": CONNECT_SECONDS, "command_timeout": STATEMENT_SECONDS},
        )
        return Store(engine, engine)
    raise ConfigurationError(
        f"store.url: {parsed.get_backend_name()} is not a store; use sqlite:///… or postgresql://…"
    )


def _sqlite(url: URL, *, writes: bool) -> AsyncEngine:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "isolation_level": None},
        pool_size=1 if writes else 4,
        max_overflow=0 if writes else 4,
        pool_timeout=STATEMENT_SECONDS,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        # FULL: an acknowledged commit survives a power cut. secure_delete: what is removed is overwritten.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "cache_size=-65536"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """The one place where the database's errors become ours."""
    try:
        yield
    except DBAPIError as error:
        raise _translate(error) from error
    except (PoolTimeoutError, OSError, TimeoutError) as error:
        raise UnavailableError(f"the store is away: {type(error).__name__}: {error}") from error


def _translate(error: DBAPIError) -> HikeshiError | DBAPIError:
    """Ours where the caller can do something about it; the library's own where it is a defect of ours."""
    original = error.orig
    cause = getattr(original, "__cause__", None) or original
    state = str(getattr(cause, "sqlstate", "") or getattr(original, "sqlstate", "") or "")
    text = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
    if state == "53100" or "disk is full" in text or "disk I/O error" in text:
        return StopError(f"the store's disk is full or broken ({text}); free space, then start again: nothing is lost")
    if isinstance(cause, sqlite3.DatabaseError) and ("malformed" in text or "not a database" in text):
        return ConfigurationError(f"store.db: it is damaged ({text}); put back a copy, or move it away to begin anew")
    if state in _CONTESTED:
        return ContestedError(f"the store is busy: {text}")
    if state.startswith(_CONNECTION_LOST) or error.connection_invalidated or isinstance(error, InterfaceError):
        return UnavailableError(f"the store is away: {text}")
    if state.startswith(_REFUSED) or isinstance(cause, sqlite3.DataError | OverflowError):
        return RejectedError(f"the store refuses it: {text}")
    if isinstance(cause, sqlite3.OperationalError) and ("locked" in text or "busy" in text or "unable to open" in text):
        return UnavailableError(f"the store is busy: {text}")
    if isinstance(cause, OSError | TimeoutError):
        return UnavailableError(f"the store is away: {text or type(cause).__name__}")
    if isinstance(error, OperationalError) and not state and not isinstance(cause, sqlite3.OperationalError):
        return UnavailableError(f"the store is away: {text}")
    return error
