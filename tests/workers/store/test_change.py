"""What a person does is done though others want the same rows: real deadlocks and serialization failures."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.errors import ConfigurationError, ContestedError, HikeshiError
from workers.incidents.posts import hold_brands
from workers.store import Store
from workers.store.store import CHANGE_ATTEMPTS

Work = Callable[[AsyncConnection], Awaitable[str]]

on_postgresql = pytest.mark.parametrize(
    "store", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
async def brands(store: Store) -> Store:
    """A store that knows two brands."""
    async with store.write() as connection:
        await connection.execute(text("INSERT INTO brands (brand, arrival) VALUES ('acme', 0), ('bolt', 0)"))
    return store


class Crossing:
    """Two who lock two brands in opposite orders, each once the other has its first: PostgreSQL gives up one."""

    def __init__(self, store: Store) -> None:
        self._store, self._reached, self.begun = store, asyncio.Barrier(2), 0

    def work(self, first: str, second: str) -> Work:
        crossed = False

        async def locked(connection: AsyncConnection) -> str:
            nonlocal crossed
            self.begun += 1
            await hold_brands(connection, self._store.dialect, [first])
            if not crossed:
                crossed = True
                await self._reached.wait()
            await hold_brands(connection, self._store.dialect, [second])
            return first

        return locked


async def in_one_transaction(store: Store, work: Work) -> str:
    async with store.write() as connection:
        return await work(connection)


@on_postgresql
async def test_of_two_in_a_circle_one_is_given_up(brands: Store) -> None:
    crossing = Crossing(brands)
    works = [crossing.work("acme", "bolt"), crossing.work("bolt", "acme")]
    done = await asyncio.gather(*(in_one_transaction(brands, work) for work in works), return_exceptions=True)
    (refused,) = [one for one in done if isinstance(one, Exception)]
    assert isinstance(refused, ContestedError)
    assert str(refused) == "the store is busy: deadlock detected"


@on_postgresql
async def test_a_change_that_was_given_up_begins_anew(brands: Store) -> None:
    crossing = Crossing(brands)
    works = [crossing.work("acme", "bolt"), crossing.work("bolt", "acme")]
    assert await asyncio.gather(*map(brands.change, works)) == ["acme", "bolt"]
    assert crossing.begun == 3


@on_postgresql
async def test_so_does_one_whose_rows_were_changed_under_it(brands: Store) -> None:
    begun = 0

    async def work(connection: AsyncConnection) -> int:
        nonlocal begun
        begun += 1
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        await connection.execute(text("SELECT arrival FROM brands"))
        if begun == 1:
            async with brands.write() as other:
                await other.execute(text("UPDATE brands SET arrival = 5"))
        changed = await connection.execute(text("UPDATE brands SET arrival = arrival + 1 RETURNING arrival"))
        return int(changed.scalars().first() or 0)

    assert (await brands.change(work), begun) == (6, 2)


@pytest.mark.parametrize(
    ("error", "times"), [(ContestedError("busy"), CHANGE_ATTEMPTS), (ConfigurationError("no such incident"), 1)]
)
async def test_what_keeps_failing_is_told_and_leaves_nothing(store: Store, error: HikeshiError, times: int) -> None:
    begun = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal begun
        begun += 1
        await connection.execute(text("INSERT INTO brands (brand, arrival) VALUES ('acme', 0)"))
        raise error

    with pytest.raises(type(error)):
        await store.change(work)
    assert begun == times
    async with store.read() as connection:
        assert (await connection.execute(text("SELECT 1 FROM brands"))).first() is None
