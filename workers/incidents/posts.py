"""Posts in the store: inserted once for each brand and id, replaced by newer revisions, counted as spread."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.model import Post
from workers.store.bulk import Rows
from workers.store.sql import text

_POSTS = Rows.of(
    brand="text", id="text", revision="integer", kind="text", severity="integer", influence="integer", lang="text",
    created_at="bigint", arrival="bigint", author="text", root="text", incident="text", reason="text", trace="text",
    body="text",
)  # fmt: skip
_BRANDS = Rows.of(brand="text", added="bigint")
_KEYS = Rows.of(brand="text", id="text")
_IDS = Rows.of(id="text")
_ARRIVALS = Rows.of(id="text", arrival="bigint")
_SPREAD = Rows.of(brand="text", root="text", retweets="integer", quotes="integer")
_AUTHORS = Rows.of(incident="text", author="text", username="text")

Key = tuple[str, str]


class Body(msgspec.Struct, kw_only=True):
    """What a stored post is shown by: its mention's own bytes and the classifier's reasons."""

    mention: msgspec.Raw
    reasons: list[str]


class Stored(NamedTuple):
    """What is known of a post that was there before."""

    revision: int
    kind: str
    created_at: int
    incident: str | None


async def lock_brands(connection: AsyncConnection, dialect: str, added: Mapping[str, int]) -> dict[str, int]:
    """Lock the brands' rows in order and reserve so many arrival numbers of each; returns the first of each."""
    rows = sorted(added.items())
    found = await connection.execute(
        text(
            f"INSERT INTO brands (brand, arrival) SELECT r.brand, r.added FROM {_BRANDS.source(dialect)} WHERE true "
            "ON CONFLICT (brand) DO UPDATE SET arrival = brands.arrival + excluded.arrival RETURNING brand, arrival"
        ),
        _BRANDS.bind(dialect, rows),
    )
    return {brand: arrival - added[brand] for brand, arrival in found}


async def hold_brands(connection: AsyncConnection, dialect: str, brands: Collection[str]) -> None:
    """Lock the rows of these brands in order, where there are any: nobody stores posts of them meanwhile."""
    if dialect != "postgresql":
        return  # `BEGIN IMMEDIATE` has locked it all
    await connection.execute(
        text(
            f"SELECT brand FROM brands WHERE brand IN (SELECT r.id FROM {_IDS.source(dialect)}) "
            # As Python sorts for `lock_brands`, whatever language the database sorts by.
            'ORDER BY brand COLLATE "C" FOR UPDATE'
        ),
        _IDS.bind(dialect, [(brand,) for brand in sorted(brands)]),
    )


async def insert(connection: AsyncConnection, dialect: str, posts: Sequence[Post], bodies: Sequence[str]) -> set[Key]:
    """Insert posts, none twice; returns the keys of those that are new."""
    rows = [
        (p.brand, p.id, p.revision, p.kind, p.severity, p.influence, p.lang, p.created_at, p.arrival, p.author, p.root,
         p.incident, p.reason, p.trace, body)
        for p, body in zip(posts, bodies, strict=True)
    ]  # fmt: skip
    found = await connection.execute(
        text(
            f"INSERT INTO posts ({_POSTS.names}) SELECT {_POSTS.names} FROM {_POSTS.source(dialect)} WHERE true "
            "ON CONFLICT (brand, id) DO NOTHING RETURNING brand, id"
        ),
        _POSTS.bind(dialect, rows),
    )
    return {(brand, post_id) for brand, post_id in found}


async def which_removed(connection: AsyncConnection, dialect: str, keys: Collection[Key]) -> set[Key]:
    """Those of these posts that were removed for good."""
    if not keys or (await connection.execute(text("SELECT 1 FROM removed LIMIT 1"))).first() is None:
        return set()  # asked first: most stores have removed nothing, and every batch comes by here
    found = await connection.execute(
        text(
            f"SELECT removed.brand, removed.id FROM {_KEYS.source(dialect)} "
            "JOIN removed ON removed.brand = r.brand AND removed.id = r.id"
        ),
        _KEYS.bind(dialect, sorted(keys)),
    )
    return {(row.brand, row.id) for row in found}


async def stored(connection: AsyncConnection, dialect: str, keys: Collection[Key]) -> dict[Key, Stored]:
    """What the store knows of these posts."""
    if not keys:
        return {}
    found = await connection.execute(
        text(
            "SELECT posts.brand, posts.id, posts.revision, posts.kind, posts.created_at, posts.incident FROM posts "
            f"JOIN {_KEYS.source(dialect)} ON posts.brand = r.brand AND posts.id = r.id"
        ),
        _KEYS.bind(dialect, sorted(keys)),
    )
    return {(row.brand, row.id): Stored(row.revision, row.kind, row.created_at, row.incident) for row in found}


async def revise(connection: AsyncConnection, dialect: str, posts: Sequence[Post], bodies: Sequence[str]) -> None:
    """Replace posts by newer revisions; a post keeps when it was created and gets a new arrival number."""
    if not posts:
        return
    rows = [
        (p.brand, p.id, p.revision, p.kind, p.severity, p.influence, p.lang, p.created_at, p.arrival, p.author, p.root,
         p.incident, p.reason, p.trace, body)
        for p, body in zip(posts, bodies, strict=True)
    ]  # fmt: skip
    changed = ("revision", "kind", "severity", "influence", "lang", "arrival", "incident", "reason", "trace", "body")
    await connection.execute(
        text(
            f"UPDATE posts SET {', '.join(f'{name} = r.{name}' for name in changed)} FROM {_POSTS.source(dialect)} "
            "WHERE posts.brand = r.brand AND posts.id = r.id AND posts.revision < r.revision"
        ),
        _POSTS.bind(dialect, rows),
    )


async def count_spread(
    connection: AsyncConnection, dialect: str, retweets: Sequence[Key], quotes: Sequence[Key]
) -> dict[Key, int]:
    """Count retweets and quotes under brand and root; returns how many each of these has by now."""
    counts: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for place, keys in enumerate((retweets, quotes)):
        for key in keys:
            counts[key][place] += 1
    if not counts:
        return {}
    found = await connection.execute(
        text(
            f"INSERT INTO spread ({_SPREAD.names}) SELECT {_SPREAD.names} FROM {_SPREAD.source(dialect)} "
            "WHERE true ON CONFLICT (brand, root) DO UPDATE SET retweets = spread.retweets + excluded.retweets, "
            "quotes = spread.quotes + excluded.quotes RETURNING brand, root, retweets, quotes"
        ),
        _SPREAD.bind(dialect, [(*key, *both) for key, both in sorted(counts.items())]),
    )
    return {(row.brand, row.root): row.retweets + row.quotes for row in found}


async def add_authors(
    connection: AsyncConnection, dialect: str, authors: Collection[tuple[str, str, str | None]]
) -> dict[str, int]:
    """Add (incident, author, lower-case username); returns how many were new to each incident."""
    if not authors:
        return {}
    rows = sorted({(incident, author): username for incident, author, username in authors}.items())
    found = await connection.execute(
        text(
            f"INSERT INTO incident_authors ({_AUTHORS.names}) SELECT {_AUTHORS.names} FROM {_AUTHORS.source(dialect)} "
            "WHERE true ON CONFLICT DO NOTHING RETURNING incident"
        ),
        _AUTHORS.bind(dialect, [(*key, username) for key, username in rows]),
    )
    added: dict[str, int] = defaultdict(int)
    for (incident,) in found:
        added[incident] += 1
    return added


async def recount_authors(connection: AsyncConnection, incident: str) -> int:
    """Forget who wrote in an incident and has no post in it any more; returns how many are left."""
    await connection.execute(
        text(
            "DELETE FROM incident_authors WHERE incident = :incident AND NOT EXISTS (SELECT 1 FROM posts "
            "WHERE posts.incident = :incident AND posts.author = incident_authors.author)"
        ),
        {"incident": incident},
    )
    left = await connection.execute(
        text("SELECT COUNT(*) FROM incident_authors WHERE incident = :incident"), {"incident": incident}
    )
    return int(left.scalar_one())


async def arrive_again(connection: AsyncConnection, dialect: str, brand: str, incidents: Collection[str]) -> None:
    """Give the posts of these incidents new arrival numbers: whoever was told up to now has not been told of them."""
    found = await connection.execute(
        text(f"SELECT id FROM posts WHERE incident IN (SELECT r.id FROM {_IDS.source(dialect)}) ORDER BY arrival"),
        _IDS.bind(dialect, [(i,) for i in sorted(incidents)]),
    )
    ids = list(found.scalars())
    if not ids:
        return
    first = (await lock_brands(connection, dialect, {brand: len(ids)}))[brand]
    await connection.execute(
        text(
            f"UPDATE posts SET arrival = r.arrival FROM {_ARRIVALS.source(dialect)} "
            "WHERE posts.brand = :brand AND posts.id = r.id"
        ),
        {"brand": brand, **_ARRIVALS.bind(dialect, [(i, first + n) for n, i in enumerate(ids)])},
    )
