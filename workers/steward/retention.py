"""What is old enough is forgotten, in small steps. Ids of removed posts stay, or these could come back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.decide import milliseconds
from workers.incidents.model import Millis
from workers.store import message_tables, ops_tables, silence_tables, teaching_tables  # noqa: F401  adds its tables to the same metadata
from workers.store.bulk import Rows
from workers.store.sql import text
from workers.store.tables import metadata

# Ours: a step holds its locks for some milliseconds; a page of the walk is read from the index alone.
_ROWS: Final = 500
_PAGE: Final = 500
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_IDS: Final = Rows.of(id="text")


async def note_arrivals(connection: AsyncConnection, now: Millis) -> None:
    """Write down how far each brand's posts are numbered at this hour: what is old is told by when it came.

    Not by when it was written: a replay of an old file would be forgotten as it comes in.
    """
    await connection.execute(
        text(
            "INSERT INTO arrivals (brand, at, arrival) SELECT brand, :hour, arrival FROM brands WHERE true "
            "ON CONFLICT DO NOTHING"
        ),
        {"hour": now // _HOUR_MS * _HOUR_MS},
    )


async def arrived_before(connection: AsyncConnection, moment: Millis) -> dict[str, int]:
    """By brand, the number of the first post that came later, as far as that is known."""
    found = await connection.execute(
        text("SELECT brand, MAX(arrival) AS arrival FROM arrivals WHERE at <= :moment GROUP BY brand ORDER BY brand"),
        {"moment": moment},
    )
    return {row.brand: row.arrival for row in found}


async def page_end(connection: AsyncConnection, brand: str, after: str) -> str | None:
    """The id that ends the next page of the walk over a brand's posts; None for the last page."""
    found = await connection.execute(
        text("SELECT id FROM posts WHERE brand = :brand AND id > :after ORDER BY id LIMIT 1 OFFSET :page"),
        {"brand": brand, "after": after, "page": _PAGE - 1},
    )
    end: str | None = found.scalar()
    return end


_OLD_POSTS: Final = (
    "FROM posts WHERE brand = :brand AND id > :after AND (:last OR id <= :end) AND arrival < :arrival "
    "AND NOT EXISTS (SELECT 1 FROM incidents WHERE incidents.id = posts.incident "
    "AND incidents.status IN ('firing', 'acknowledged'))"
)


async def any_old_posts(connection: AsyncConnection, brand: str, after: str, end: str | None, arrival: int) -> bool:
    """Whether this page holds any: asked first, for a step that deletes nothing must take no write lock."""
    found = await connection.execute(text(f"SELECT 1 {_OLD_POSTS} LIMIT 1"), _page(brand, after, end, arrival))
    return found.first() is not None


async def forget_posts(connection: AsyncConnection, brand: str, after: str, end: str | None, arrival: int) -> int:
    """Delete the posts of a page that came before and are in no open incident."""
    done = await connection.execute(text(f"DELETE {_OLD_POSTS}"), _page(brand, after, end, arrival))
    return done.rowcount


def _page(brand: str, after: str, end: str | None, arrival: int) -> dict[str, Any]:
    return {"brand": brand, "after": after, "last": end is None, "end": end or "", "arrival": arrival}


async def old_incidents(connection: AsyncConnection, before: Millis) -> list[str]:
    """Incidents that ended before and hold no post any more."""
    found = await connection.execute(
        text(
            "SELECT id FROM incidents WHERE status IN ('resolved', 'merged') "
            "AND COALESCE(resolved_at, updated_at) < :before "
            "AND NOT EXISTS (SELECT 1 FROM posts WHERE posts.incident = incidents.id) LIMIT :most"
        ),
        {"before": before, "most": _ROWS},
    )
    return list(found.scalars())


async def forget_incidents(connection: AsyncConnection, dialect: str, ids: Sequence[str]) -> int:
    """Delete incidents with all that tells of them: every table's rows that name one."""
    given = _IDS.bind(dialect, [(incident,) for incident in ids])
    among = f"(SELECT r.id FROM {_IDS.source(dialect)})"
    for table in metadata.tables.values():
        if "incident" in table.columns and table.name != "posts":
            await connection.execute(text(f"DELETE FROM {table.name} WHERE incident IN {among}"), given)
    done = await connection.execute(text(f"DELETE FROM incidents WHERE id IN {among}"), given)
    return done.rowcount


async def forget_notifications(connection: AsyncConnection, before: Millis) -> int:
    """Delete some of what was sent or cancelled before; dead letters stay until somebody has looked."""
    done = await connection.execute(
        text(
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state IN ('sent', 'cancelled') "
            "AND COALESCE(finished_at, created_at) < :before LIMIT :most)"
        ),
        {"before": before, "most": _ROWS},
    )
    return done.rowcount


async def forget_minutes(connection: AsyncConnection, before: Millis) -> int:
    """Delete some of the counts of minutes before, but none in which complaints lie that are held: see above."""
    done = await connection.execute(
        text(
            "DELETE FROM minutes WHERE (brand, minute) IN (SELECT brand, minute FROM minutes WHERE minute < :minute "
            "AND NOT EXISTS (SELECT 1 FROM posts WHERE posts.brand = minutes.brand AND posts.kind = 'complaint' "
            "AND posts.created_at >= minutes.minute * 60000 AND posts.created_at < minutes.minute * 60000 + 60000) "
            "LIMIT :most)"
        ),
        {"minute": before // _MINUTE_MS, "most": _ROWS},
    )
    return done.rowcount


async def forget_looks(connection: AsyncConnection, before: Millis) -> int:
    """Delete some of the looks at posts' spread before."""
    done = await connection.execute(
        text(
            "DELETE FROM spread_looks WHERE (post, at) IN "
            "(SELECT post, at FROM spread_looks WHERE at < :before ORDER BY at LIMIT :most)"
        ),
        {"before": before, "most": _ROWS},
    )
    return done.rowcount


async def forget_arrivals(connection: AsyncConnection, before: Millis) -> int:
    """Delete the hours of which a later one is known to be old as well."""
    done = await connection.execute(
        text(
            "DELETE FROM arrivals WHERE at < :before AND EXISTS (SELECT 1 FROM arrivals later "
            "WHERE later.brand = arrivals.brand AND later.at > arrivals.at AND later.at <= :before)"
        ),
        {"before": before},
    )
    return done.rowcount


def cutoff(now: Millis, kept: timedelta) -> Millis | None:
    """What was before this moment is old; None: it is kept for ever."""
    return now - milliseconds(kept) if kept else None
