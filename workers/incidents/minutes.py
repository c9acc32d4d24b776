"""A brand's minutes: how many posts of each kind, and who complained; what bursts are judged by."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.mark import KINDS
from workers.incidents.burst import MAX_AUTHORS_A_MINUTE, MINUTE_MS, Span
from workers.incidents.model import Millis, Post
from workers.store.bulk import Rows

_HASH_DIGITS: Final = 8
_COUNTS = ", ".join(KINDS)
_MINUTES = Rows.of(
    brand="text", minute="bigint", complaint="integer", question="integer", praise="integer", promotion="integer",
    neutral="integer", irrelevant="integer", severity="integer", authors="text",
)  # fmt: skip
_RANGES = Rows.of(brand="text", first="bigint", last="bigint")
_INDEX: Final[dict[str, int]] = {kind: i for i, kind in enumerate(KINDS)}


def author_hash(author: str) -> str:
    """Eight hex digits for an author: enough to tell a burst's authors apart, too few to find one out."""
    return blake2b(author.encode(), digest_size=_HASH_DIGITS // 2).hexdigest()


async def count(
    connection: AsyncConnection,
    dialect: str,
    new: Sequence[Post],
    became: Sequence[tuple[Post, str]],
    window: Mapping[str, int],
) -> dict[str, tuple[dict[int, set[str]], set[int]]]:
    """Add posts to their minutes; `became`: complaints that were counted as another kind before.

    `window` is the burst rule's width in minutes, by brand. Returns for each brand with new complaints the authors by
    minute round about them, and the minutes they are in. The brands' rows are locked by the caller.
    """
    counts: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * len(KINDS))
    highest: dict[tuple[str, int], int] = defaultdict(int)
    authors: dict[tuple[str, int], set[str]] = defaultdict(set)
    for post, before in became:
        counts[post.brand, post.created_at // MINUTE_MS][_INDEX[before]] -= 1
    for post in [*new, *(post for post, _ in became)]:
        place = (post.brand, post.created_at // MINUTE_MS)
        counts[place][_INDEX[post.kind]] += 1
        if post.kind == "complaint":
            highest[place] = max(highest[place], post.severity)
            if not post.late:
                authors[place].add(author_hash(post.author))
    touched: dict[str, set[int]] = defaultdict(set)
    for brand, minute in authors:
        touched[brand].add(minute)
    known = await _read(connection, dialect, touched, window)
    rows = []
    for (brand, minute), kinds in sorted(counts.items()):
        there = known.get(brand, {}).get(minute, set())
        there |= set(sorted(authors[brand, minute] - there)[: max(0, MAX_AUTHORS_A_MINUTE - len(there))])
        if brand in touched and (there or minute in touched[brand]):
            known.setdefault(brand, {})[minute] = there
        packed = "".join(sorted(there))
        rows.append((brand, minute, *kinds, highest[brand, minute], packed))
    await _write(connection, dialect, rows)
    return {brand: (known.get(brand, {}), minutes) for brand, minutes in touched.items()}


async def complaints_in(connection: AsyncConnection, dialect: str, brand: str, spans: Sequence[Span]) -> int:
    """How many complaints have their `created_at` in the spans (which begin and end on whole minutes)."""
    ranges = [(brand, first // MINUTE_MS, last // MINUTE_MS) for first, last in spans]
    found = await connection.execute(
        text(
            f"SELECT COALESCE(SUM(minutes.complaint), 0) FROM {_RANGES.source(dialect)} "
            "JOIN minutes ON minutes.brand = r.brand AND minutes.minute BETWEEN r.first AND r.last"
        ),
        _RANGES.bind(dialect, ranges),
    )
    return int(found.scalar_one())


async def uncount(connection: AsyncConnection, brand: str, kind: str, created_at: Millis) -> None:
    """A post was removed: its minute holds one less of its kind. Its author's hash stays: whose it is can't be told."""
    column = kind if kind in _INDEX else "neutral"
    await connection.execute(
        text(f"UPDATE minutes SET {column} = {column} - 1 WHERE brand = :brand AND minute = :minute AND {column} > 0"),
        {"brand": brand, "minute": created_at // MINUTE_MS},
    )


async def worst_in(connection: AsyncConnection, brand: str, span: Span) -> int:
    """The highest severity among the complaints of a span."""
    found = await connection.execute(
        text("SELECT COALESCE(MAX(severity), 0) FROM minutes WHERE brand = :brand AND minute BETWEEN :first AND :last"),
        {"brand": brand, "first": span[0] // MINUTE_MS, "last": span[1] // MINUTE_MS},
    )
    return int(found.scalar_one())


async def _read(
    connection: AsyncConnection, dialect: str, touched: Mapping[str, set[int]], window: Mapping[str, int]
) -> dict[str, dict[int, set[str]]]:
    """The authors by minute in the touched minutes and a window on either side of each."""
    ranges: list[tuple[str, int, int]] = []
    for brand, minutes in touched.items():
        width = window.get(brand, 0)
        for minute in sorted(minutes):
            first, last = minute - width, minute + width
            if ranges and ranges[-1][0] == brand and first <= ranges[-1][2] + 1:
                ranges[-1] = (brand, ranges[-1][1], max(ranges[-1][2], last))
            else:
                ranges.append((brand, first, last))
    found: dict[str, dict[int, set[str]]] = defaultdict(dict)
    if ranges:
        rows = await connection.execute(
            text(
                f"SELECT minutes.brand, minutes.minute, minutes.authors FROM {_RANGES.source(dialect)} "
                "JOIN minutes ON minutes.brand = r.brand AND minutes.minute BETWEEN r.first AND r.last "
                "WHERE minutes.authors <> ''"
            ),
            _RANGES.bind(dialect, ranges),
        )
        for brand, minute, packed in rows:
            found[brand][minute] = {packed[i : i + _HASH_DIGITS] for i in range(0, len(packed), _HASH_DIGITS)}
    return found


async def _write(connection: AsyncConnection, dialect: str, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    highest = "GREATEST" if dialect == "postgresql" else "MAX"
    added = ", ".join(f"{kind} = minutes.{kind} + excluded.{kind}" for kind in KINDS)
    await connection.execute(
        text(
            f"INSERT INTO minutes (brand, minute, {_COUNTS}, severity, authors) SELECT {_MINUTES.names} "
            f"FROM {_MINUTES.source(dialect)} WHERE true ON CONFLICT (brand, minute) DO UPDATE SET {added}, "
            f"severity = {highest}(minutes.severity, excluded.severity), "
            "authors = CASE WHEN excluded.authors = '' THEN minutes.authors ELSE excluded.authors END"
        ),
        _MINUTES.bind(dialect, rows),
    )
