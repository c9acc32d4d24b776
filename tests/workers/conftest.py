"""The store under test: SQLite and PostgreSQL alike."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from workers.store import Store, open_store
from workers.store.migrate import migrate


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A fresh store of each kind."""
    embedded = request.param == "sqlite"
    opened = open_store(f"sqlite:///{tmp_path}/store.db" if embedded else request.getfixturevalue("postgres").url)
    await migrate(opened)
    yield opened
    await opened.close()
