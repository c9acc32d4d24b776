"""Bring the store to this release's shape, and refuse one that a newer release has made its own."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.errors import ConfigurationError, UnavailableError
from workers.store.store import Store

# The oldest release that may use a store of this shape. Migrations only add for one release, so N and N-1 run side by
# side; raise this in the release that takes something away.
OLDEST_RELEASE: Final = "0.1.0"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


async def migrate(store: Store) -> None:
    """Create or upgrade the tables; idempotent. Raises ConfigurationError for a store of a newer release."""
    async with store.write() as connection:
        if store.dialect == "postgresql":
            # Two `init` at once: the second waits here and then finds nothing to do. Any fixed number of ours will do.
            await connection.execute(text("SELECT pg_advisory_xact_lock(48110)"))
        await _refuse_newer(connection)
        await connection.run_sync(upgrade)
        await connection.execute(
            text(
                "INSERT INTO meta (name, value) VALUES ('oldest_release', :release) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            ),
            {"release": OLDEST_RELEASE},
        )


async def check_shape(store: Store) -> None:
    """What a worker does at start. Raises UnavailableError while `init` has not run, ConfigurationError if newer."""
    async with store.read() as connection:
        await _refuse_newer(connection)
        current = await connection.run_sync(_current)
    head = ScriptDirectory.from_config(_config()).get_current_head()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is None or (current != head and current in known):
        raise UnavailableError("the store has not been brought to this release's shape; run `hikeshi init`")


def upgrade(connection: Connection) -> None:
    """Bring the tables of this connection to the latest shape."""
    command.upgrade(_config(connection), "head")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _refuse_newer(connection: AsyncConnection) -> None:
    if not await connection.run_sync(lambda c: inspect(c).has_table("meta")):
        return
    needed = (await connection.execute(text("SELECT value FROM meta WHERE name = 'oldest_release'"))).scalar()
    if needed is not None and _numbers(needed) > _numbers(version("hikeshi")):
        raise ConfigurationError(
            f"the store may be used by release {needed} or newer, this is {version('hikeshi')}; install that release"
        )


def _numbers(release: str) -> tuple[Any, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in release.split("."))
