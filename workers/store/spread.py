"""How far an incident has spread and how fast it grows: what came by the stream, and X's own counts at each look."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.mention import rfc3339, snowflake_time
from workers.store.membership import belonging_to
from workers.store.sql import text

COUNTS: Final = ("retweets", "quotes", "replies", "likes")
_HOUR_MS: Final = 3_600_000


class Look(NamedTuple):
    """X's counts of a post at a time, in milliseconds since 1970."""

    at: int
    retweets: int
    quotes: int
    replies: int
    likes: int


async def spread_of(
    connection: AsyncConnection,
    dialect: str,
    *,
    scope: str,
    incident: str,
    brand: str,
    key: str,
    spans: Sequence[tuple[int, int]],
) -> dict[str, Any] | None:
    """The spread of a root incident's root, or of the posts of a burst that were looked at; None where nothing is
    known of it."""
    root = key.split("/", 2)[2]
    seen = (
        await connection.execute(
            text("SELECT retweets, quotes FROM spread WHERE brand = :brand AND root = :root"),
            {"brand": brand, "root": root},
        )
    ).first()
    if scope == "root":
        condition, values = "spread_looks.post = :root", {"root": root}
    elif spans:
        inside, values = belonging_to(dialect, scope, incident, brand, spans)
        condition = f"spread_looks.post IN (SELECT posts.id FROM posts WHERE {inside})"
    else:
        return None
    rows = await connection.execute(
        text(f"SELECT post, at, {', '.join(COUNTS)} FROM spread_looks WHERE {condition} ORDER BY post, at"), values
    )
    looks: dict[str, list[Look]] = {}
    for row in rows:
        looks.setdefault(row.post, []).append(Look(*row[1:]))
    return told(looks, (seen.retweets, seen.quotes) if seen is not None else None)


def told(looks: dict[str, list[Look]], seen: tuple[int, int] | None) -> dict[str, Any] | None:
    """What the lists show. `seen`: retweets and quotes that came by the stream, where any did."""
    if not looks:
        return {"retweets": seen[0], "quotes": seen[1]} if seen is not None else None
    latest = [of_post[-1] for of_post in looks.values()]
    totals = {name: sum(getattr(look, name) for look in latest) for name in COUNTS}
    if seen is not None:
        totals["retweets"], totals["quotes"] = max(totals["retweets"], seen[0]), max(totals["quotes"], seen[1])
    rates = [growth(post, of_post) for post, of_post in looks.items()]
    return {
        **totals,
        "looked_at": _moment(max(look.at for look in latest)),
        "an_hour": {name: round(sum(rate[name] for rate in rates), 1) for name in COUNTS},
        "posts": [
            {"id": post, "looks": [{**look._asdict(), "at": _moment(look.at)} for look in of_post]}
            for post, of_post in sorted(looks.items())
        ],
    }


def growth(post: str, looks: Sequence[Look]) -> dict[str, float]:
    """How much the counts grew an hour between the last two looks; since the post was written where there is one."""
    last = looks[-1]
    if len(looks) > 1:
        before = looks[-2]
    elif (written := snowflake_time(post)) is not None:
        before = Look(round(written.timestamp() * 1000), 0, 0, 0, 0)
    else:
        return dict.fromkeys(COUNTS, 0.0)
    hours = (last.at - before.at) / _HOUR_MS
    return {name: (getattr(last, name) - getattr(before, name)) / hours if hours > 0 else 0.0 for name in COUNTS}


def _moment(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
