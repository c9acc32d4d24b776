"""What the posts of a burst say, read when it opens or flares up: their languages, their texts, the texts before."""

from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.burst import Span
from workers.store.sql import text

# Ours: enough to say what is new in them, and bounds what the opening of a burst costs to some milliseconds.
_TEXTS_NOW: Final = 200
_TEXTS_BEFORE: Final = 400


class _Mention(msgspec.Struct):
    text: str


class _Body(msgspec.Struct):
    mention: _Mention


_decode: Final = msgspec.json.Decoder(_Body).decode


async def languages(connection: AsyncConnection, brand: str, span: Span) -> list[tuple[str, int]]:
    """How many complaints of the span are in each language, the most first."""
    found = await connection.execute(
        text(
            "SELECT COALESCE(lang, 'und') AS lang, COUNT(*) AS posts FROM posts WHERE brand = :brand "
            "AND kind = 'complaint' AND incident IS NOT NULL AND created_at BETWEEN :first AND :last "
            "GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        {"brand": brand, "first": span[0], "last": span[1]},
    )
    return [(row.lang, row.posts) for row in found]


async def texts(connection: AsyncConnection, brand: str, span: Span) -> tuple[list[tuple[str, str]], list[str]]:
    """Author and text of the span's complaints, and the texts of those before it."""
    now = await connection.execute(
        text(
            "SELECT author, id, body FROM posts WHERE brand = :brand AND kind = 'complaint' "
            "AND incident IS NOT NULL AND created_at BETWEEN :first AND :last ORDER BY created_at, id LIMIT :most"
        ),
        {"brand": brand, "first": span[0], "last": span[1], "most": _TEXTS_NOW},
    )
    before = await connection.execute(
        text(
            "SELECT body FROM posts WHERE brand = :brand AND kind = 'complaint' "
            "AND created_at < :first ORDER BY created_at DESC LIMIT :most"
        ),
        {"brand": brand, "first": span[0], "most": _TEXTS_BEFORE},
    )
    return (
        [(row.author or row.id, _decode(row.body).mention.text) for row in now],
        [_decode(body).mention.text for body in before.scalars()],
    )
