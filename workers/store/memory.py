"""A store in memory, for a rehearsal: the same tables and statements, gone at its end, and nobody else in it.

A rehearsal runs a year of posts as fast as it goes, alone on its event loop. So the statements go straight to SQLite:
the asynchronous driver would hand each to a thread and take it back, and SQLAlchemy's own rows cost ten times what most
of these statements do.
"""

import sqlite3
from collections import namedtuple
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Final, cast

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import StaticPool

from workers.store.migrate import upgrade

_STATEMENTS: Final = 512  # ours: more than there are, so that SQLite reads each but once


class MemoryStore:
    """Transactions on an SQLite database in memory, used by one task."""

    dialect = "sqlite"

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=_STATEMENTS)
        engine = sqlalchemy.create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool)
        with engine.begin() as connection:
            upgrade(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction; as with the real store, rolled back if the block raises."""
        self._connection.execute("BEGIN")
        try:
            yield cast(AsyncConnection, _Immediate(self._connection))
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class _Immediate:
    """What our statements use of an asynchronous connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def execute(self, statement: sqlalchemy.TextClause, parameters: Mapping[str, Any] | None = None) -> "_Result":
        return _Result(self._connection.execute(statement.text, parameters or {}))


class _Result:
    """What our statements use of a result: rows with names, all of them here."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._rows = cursor.fetchall() if cursor.description else []
        self._names = tuple(column[0] for column in cursor.description or ())
        self.rowcount = cursor.rowcount

    def __iter__(self) -> Iterator[Any]:
        return map(_row_class(self._names)._make, self._rows)

    def all(self) -> list[Any]:
        return list(self)

    def first(self) -> Any:
        return next(iter(self), None)

    def one(self) -> Any:
        (row,) = self
        return row

    def scalars(self) -> "_Scalars":
        return _Scalars(row[0] for row in self._rows)

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        ((value,),) = self._rows
        return value


class _Scalars(list[Any]):
    """First columns."""

    def all(self) -> list[Any]:
        return self


@lru_cache(maxsize=_STATEMENTS)
def _row_class(names: tuple[str, ...]) -> Any:
    """A row with its columns as attributes, and as the mapping that SQLAlchemy's rows have."""
    make: Any = namedtuple  # the names are known only now
    base = make("base", names, rename=True)
    return type("Row", (base,), {"__slots__": (), "_mapping": property(lambda row: dict(zip(names, row, strict=True)))})
