"""The store's shape: made and upgraded once, refused where a newer release has made it its own."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from schemas.errors import ConfigurationError, FencedError, UnavailableError
from tests.support.postgres import Database
from workers.store import Store, open_store
from workers.store.migrate import check_shape, migrate
from workers.store.offsets import read_offsets, swap_offsets
from workers.store.tables import metadata


async def test_twice_is_once(store: Store) -> None:
    await asyncio.gather(migrate(store), migrate(store))
    await check_shape(store)


async def test_the_migrations_give_the_tables_of_the_code(store: Store) -> None:
    """What a worker's statements are written against is what `init` makes."""
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    async with store.write() as connection:
        differences = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c, opts={"compare_type": False}), metadata)
        )
    assert differences == []


async def test_a_worker_waits_for_init(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(UnavailableError, match="hikeshi init"):
        await check_shape(store)
    await store.close()


@pytest.mark.parametrize(("needed", "refused"), [("0.0.1", False), ("99.0.0", True)])
async def test_only_a_store_that_names_a_newer_release_is_refused(store: Store, needed: str, refused: bool) -> None:
    async with store.write() as connection:
        values = {"needed": needed}
        await connection.execute(text("UPDATE meta SET value = :needed WHERE name = 'oldest_release'"), values)
    if refused:
        for work in (check_shape, migrate):
            with pytest.raises(ConfigurationError, match=r"release 99\.0\.0"):
                await work(store)
    else:
        await check_shape(store)


async def test_a_newer_shape_that_names_no_newer_release_may_be_used(store: Store) -> None:
    """Migrations are additive for one release: N and N-1 run side by side."""
    async with store.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await check_shape(store)


async def test_offsets_are_swapped_all_or_none(store: Store) -> None:
    async with store.write() as connection:
        await swap_offsets(connection, store.dialect, "t", {0: (None, 5), 1: (None, 6)})
    with pytest.raises(FencedError):
        async with store.write() as connection:
            await swap_offsets(connection, store.dialect, "t", {0: (5, 7), 1: (5, 9)})
    with pytest.raises(FencedError):
        async with store.write() as connection:
            await swap_offsets(connection, store.dialect, "t", {0: (None, 1)})
    async with store.write() as connection:
        await swap_offsets(connection, store.dialect, "t", {0: (5, 7), 2: (None, 1)})
    async with store.read() as connection:
        assert await read_offsets(connection, "t") == {0: 7, 1: 6, 2: 1}


@pytest.mark.postgres
async def test_a_database_that_is_away_is_unavailable(postgres: Database) -> None:
    store = open_store(postgres.url)
    await migrate(store)
    postgres.server.kill()
    for _ in range(3):
        with pytest.raises(UnavailableError):
            async with store.read() as connection:
                await connection.execute(text("SELECT 1"))
    postgres.server.start()
    for _ in range(8):  # connections of before may be found dead one by one
        try:
            async with store.read() as connection:
                assert (await connection.execute(text("SELECT 1"))).scalar() == 1
            break
        except UnavailableError:
            continue
    else:
        pytest.fail("it never came back")
    await store.close()


def test_other_databases_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="mysql is not a store"):
        open_store("mysql://localhost/x")
