"""What signs links: the secret of the settings, or one that the store makes once and keeps."""

import secrets
from typing import Final

from sqlalchemy import text

from config.settings import Settings
from workers.incidents.links import LinkMaker
from workers.store import Store

_NAME: Final = "link_secret"
_BYTES: Final = 32


async def link_maker(settings: Settings, store: Store) -> LinkMaker:
    """Makes and reads links with the secret that holds over every replica and restart."""
    console = settings.console
    secret = console.secret.get_secret_value() if console.secret is not None else await _kept_secret(store)
    return LinkMaker(console.public_url, secret)


async def _kept_secret(store: Store) -> str:
    """The store's own; of two that make it at once, the first to commit has made it."""
    async with store.read() as connection:
        found: str | None = (
            await connection.execute(text("SELECT value FROM meta WHERE name = :n"), {"n": _NAME})
        ).scalar()
    if found is not None:
        return found
    async with store.write() as connection:
        await connection.execute(
            text("INSERT INTO meta (name, value) VALUES (:n, :value) ON CONFLICT (name) DO NOTHING"),
            {"n": _NAME, "value": secrets.token_hex(_BYTES)},
        )
        made = await connection.execute(text("SELECT value FROM meta WHERE name = :n"), {"n": _NAME})
        return str(made.scalar_one())
