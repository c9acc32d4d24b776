"""A brand's minutes: how many posts of each kind, and who complained; what bursts are judged by."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.mark import KINDS
from workers.incidents.burst import MAX_AUTHORS_A_MINUTE, MINUTE_MS, Minute, Span
from workers.incidents.model import Millis, Post
from workers.store.bulk import Rows
from workers.store.sql import text

_HASH_DIGITS: Final = 8
_TEXT_DIGITS: Final = 4  # two of an hour's texts are taken for one with a chance of 1 in 65,536
_COPIED: Final = 80  # ours: characters that copies have in common; what somebody adds at the end makes no new text
# Left out before texts are compared: addresses, whom it is addressed to, and whatever is no letter.
_VARIES: Final = re.compile(r"https?://\S+|[@＠]\w+|[\W\d_]+")
_COUNTS = ", ".join(KINDS)
_MINUTES = Rows.of(
    brand="text", minute="bigint", complaint="integer", question="integer", praise="integer", promotion="integer",
    neutral="integer", irrelevant="integer", severity="integer", authors="text", texts="text",
)  # fmt: skip
_RANGES = Rows.of(brand="text", first="bigint", last="bigint")
_OTHERS: Final = ("question", "praise", "promotion", "neutral")  # what else is said of a brand
_OTHERS_SUM: Final = " + ".join(f"minutes.{kind}" for kind in _OTHERS)
_INDEX: Final[dict[str, int]] = {kind: i for i, kind in enumerate(KINDS)}


def author_hash(author: str) -> str:
    """Eight hex digits for an author: enough to tell a burst's authors apart, too few to find one out."""
    return blake2b(author.encode(), digest_size=_HASH_DIGITS // 2).hexdigest()


def text_hash(text: str) -> str:
    """Four hex digits that a text has in common with its copies; empty for one without letters."""
    letters = _VARIES.sub("", text[: 4 * _COPIED].lower())[:_COPIED]
    return blake2b(letters.encode(), digest_size=_TEXT_DIGITS // 2).hexdigest() if letters else ""


class Complained(NamedTuple):
    """A brand's minutes round about its new complaints, and the minutes these are in."""

    minutes: dict[int, Minute]
    touched: set[int]


async def count(
    connection: AsyncConnection,
    dialect: str,
    new: Sequence[Post],
    became: Sequence[tuple[Post, str]],
    reach: Mapping[str, tuple[int, int]],
) -> dict[str, Complained]:
    """Add posts to their minutes; `became`: complaints that were counted as another kind before.

    `reach`: how many minutes before and after a new complaint are judged with it, by brand. Returns these for each
    brand with new complaints. The brands' rows are locked by the caller.
    """
    counts: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * len(KINDS))
    highest: dict[tuple[str, int], int] = defaultdict(int)
    voices: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for post, before in became:
        counts[post.brand, post.created_at // MINUTE_MS][_INDEX[before]] -= 1
    for post in [*new, *(post for post, _ in became)]:
        place = (post.brand, post.created_at // MINUTE_MS)
        counts[place][_INDEX[post.kind]] += 1
        if post.kind == "complaint":
            highest[place] = max(highest[place], post.severity)
            if not post.late:
                voices[place].setdefault(author_hash(post.author), post.text_hash or _alone(post.author))
    touched: dict[str, set[int]] = defaultdict(set)
    for brand, minute in voices:
        touched[brand].add(minute)
    known = await _read(connection, dialect, touched, reach)
    rows = []
    for place, kinds in sorted(counts.items()):
        brand, minute = place
        there = known[brand].get(minute, Minute({}, 0)) if brand in touched else Minute({}, 0)
        heard = dict(there.voices)
        for author, said in sorted(voices[place].items()) if place in voices else ():
            if len(heard) < MAX_AUTHORS_A_MINUTE:
                heard.setdefault(author, said)
        if brand in touched:
            known[brand][minute] = Minute(heard, there.others + sum(kinds[_INDEX[kind]] for kind in _OTHERS))
        authors = sorted(heard)
        rows.append((*place, *kinds, highest[place], "".join(authors), "".join(heard[a] for a in authors)))
    await _write(connection, dialect, rows)
    return {brand: Complained(known[brand], minutes) for brand, minutes in touched.items()}


async def read(
    connection: AsyncConnection, dialect: str, brand: str, touched: set[int], reach: tuple[int, int]
) -> dict[int, Minute]:
    """A brand's minutes, so far before and after each of these."""
    return (await _read(connection, dialect, {brand: touched}, {brand: reach}))[brand]


async def moments(
    connection: AsyncConnection, brand: str, minute: int, authors: AbstractSet[str]
) -> dict[str, tuple[Millis, Millis]]:
    """When in a minute each of these (hashes) complained first and last: the posts know, where a minute is too long."""
    found = await connection.execute(
        text(
            "SELECT author, MIN(created_at) AS first, MAX(created_at) AS last FROM posts WHERE brand = :brand "
            "AND kind = 'complaint' AND created_at BETWEEN :first AND :last GROUP BY author"
        ),
        {"brand": brand, "first": minute * MINUTE_MS, "last": (minute + 1) * MINUTE_MS - 1},
    )
    hashed = ((author_hash(row.author or ""), (row.first, row.last)) for row in found)
    return {author: when for author, when in hashed if author in authors}


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
    connection: AsyncConnection, dialect: str, touched: Mapping[str, set[int]], reach: Mapping[str, tuple[int, int]]
) -> dict[str, dict[int, Minute]]:
    """The minutes that are judged with the touched ones."""
    ranges: list[tuple[str, int, int]] = []
    for brand, minutes in touched.items():
        before, after = reach.get(brand, (0, 0))
        for minute in sorted(minutes):
            first, last = minute - before, minute + after
            if ranges and ranges[-1][0] == brand and first <= ranges[-1][2] + 1:
                ranges[-1] = (brand, ranges[-1][1], max(ranges[-1][2], last))
            else:
                ranges.append((brand, first, last))
    found: dict[str, dict[int, Minute]] = {brand: {} for brand in touched}
    if ranges:
        rows = await connection.execute(
            text(
                f"SELECT minutes.brand, minutes.minute, minutes.authors, minutes.texts, {_OTHERS_SUM} AS others "
                f"FROM {_RANGES.source(dialect)} "
                "JOIN minutes ON minutes.brand = r.brand AND minutes.minute BETWEEN r.first AND r.last"
            ),
            _RANGES.bind(dialect, ranges),
        )
        for brand, minute, authors, texts, others in rows:
            found[brand][minute] = Minute(_unpack(authors, texts) if authors else {}, others)
    return found


def _unpack(authors: str, texts: str) -> dict[str, str]:
    """Authors and their texts; where an older release wrote the row there are no texts, and each is by itself."""
    names = [authors[i : i + _HASH_DIGITS] for i in range(0, len(authors), _HASH_DIGITS)]
    if len(texts) * _HASH_DIGITS != len(authors) * _TEXT_DIGITS:
        return {name: name[:_TEXT_DIGITS] for name in names}
    return {name: texts[i * _TEXT_DIGITS : (i + 1) * _TEXT_DIGITS] for i, name in enumerate(names)}


def _alone(author: str) -> str:
    """In place of the hash of a text without letters, which is nobody's copy."""
    return author_hash(author)[:_TEXT_DIGITS]


async def _write(connection: AsyncConnection, dialect: str, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    highest = "GREATEST" if dialect == "postgresql" else "MAX"
    added = ", ".join(f"{kind} = minutes.{kind} + excluded.{kind}" for kind in KINDS)
    await connection.execute(
        text(
            f"INSERT INTO minutes (brand, minute, {_COUNTS}, severity, authors, texts) SELECT {_MINUTES.names} "
            f"FROM {_MINUTES.source(dialect)} WHERE true ON CONFLICT (brand, minute) DO UPDATE SET {added}, "
            f"severity = {highest}(minutes.severity, excluded.severity), "
            "texts = CASE WHEN excluded.authors = '' THEN minutes.texts ELSE excluded.texts END, "
            "authors = CASE WHEN excluded.authors = '' THEN minutes.authors ELSE excluded.authors END"
        ),
        _MINUTES.bind(dialect, rows),
    )
