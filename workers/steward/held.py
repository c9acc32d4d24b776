"""What the store holds of X's own posts: pages of their ids, their mentions. Posts of files and samples aren't X's."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.store.bulk import Rows

# A mention's own bytes hold it so; within a post's text the quotation marks are escaped. X's ids are digits.
FROM_X: Final = """posts.body LIKE '%"source":"x"%'"""
_KEYS: Final = Rows.of(brand="text", id="text")


class Held(NamedTuple):
    """A post of X's that is held: its first id, and which of its texts."""

    id: str
    revision: int


class _Body(msgspec.Struct):
    mention: msgspec.Raw


_bodies = msgspec.json.Decoder(_Body)


async def brands_held(connection: AsyncConnection) -> list[str]:
    """Every brand that the store has ever seen posts of."""
    return list((await connection.execute(text("SELECT brand FROM brands ORDER BY brand"))).scalars())


async def page_of(connection: AsyncConnection, brand: str, after: str, before: str, most: int) -> list[Held]:
    """The next posts of a brand by their ids, which grow with time."""
    found = await connection.execute(
        text(
            "SELECT posts.id, posts.revision FROM posts WHERE posts.brand = :brand AND posts.id > :after "
            f"AND posts.id < :before AND {FROM_X} ORDER BY posts.id LIMIT :most"
        ),
        {"brand": brand, "after": after, "before": before, "most": most},
    )
    return [Held(row.id, row.revision) for row in found]


async def mentions_of(
    connection: AsyncConnection, dialect: str, post_id: str, below_revision: int
) -> list[tuple[str, bytes]]:
    """Brand and mention of a post of X's wherever an older text than this revision is held."""
    keys = [(brand, post_id) for brand in await brands_held(connection)]
    found = await connection.execute(
        text(
            f"SELECT posts.brand, posts.body FROM {_KEYS.source(dialect)} "
            f"JOIN posts ON posts.brand = r.brand AND posts.id = r.id WHERE posts.revision < :revision AND {FROM_X}"
        ),
        {**_KEYS.bind(dialect, keys), "revision": below_revision},
    )
    return [(row.brand, bytes(_bodies.decode(row.body).mention)) for row in found]


async def which_held(connection: AsyncConnection, dialect: str, ids: Collection[str]) -> set[str]:
    """Those of these ids that are posts of X's which are held."""
    brands: Sequence[str] = await brands_held(connection)
    keys = [(brand, post_id) for brand in brands for post_id in sorted(ids)]
    found = await connection.execute(
        text(
            f"SELECT DISTINCT posts.id FROM {_KEYS.source(dialect)} "
            f"JOIN posts ON posts.brand = r.brand AND posts.id = r.id WHERE {FROM_X}"
        ),
        _KEYS.bind(dialect, keys),
    )
    return set(found.scalars())
