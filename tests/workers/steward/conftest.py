"""The rig, on both stores and, where the kind of store plays no part, on one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.workers.steward.rig import Rig, rig
from workers.store import Store, open_store
from workers.store.migrate import migrate


@pytest.fixture
async def one(store: Store, tmp_path: Path) -> AsyncIterator[Rig]:
    """A simulated X and what the steward works on."""
    async with rig(store, tmp_path) as made:
        yield made


@pytest.fixture
async def light(tmp_path: Path) -> AsyncIterator[Rig]:
    """The same on SQLite alone."""
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    await migrate(store)
    async with rig(store, tmp_path) as made:
        yield made
    await store.close()
