"""What users teach: a person says what a post is. It counts at once and can be undone; who, when and from what to what
stays on record.

Of the post a lesson keeps the id and numbers that its text can't be read back from (`likeness`), for X forbids keeping
posts to train with. It never leaves the user's store, and goes with the post when that is removed.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from schemas.errors import ConfigurationError
from schemas.mark import SEVERITIES, Kind
from workers.incidents import posts, records
from workers.incidents.change import to_millis
from workers.incidents.likeness import VERSION, Features, likenesses
from workers.incidents.remark import Found, Remark, find, remark, severity_for

# Ours: so many lessons of a brand are taken to heart, the newest. A classifier holds them all in memory.
MOST_LESSONS: Final = 2_000

_COLUMNS: Final = (
    "id, brand, post, revision, kind, severity, kind_before, severity_before, incident_before, taught_by, taught_at, "
    "undone_by, undone_at"
)


class Lesson(msgspec.Struct, kw_only=True, frozen=True):
    """One thing that a person taught. Times are milliseconds, severities numbers, as in the store."""

    id: str
    brand: str
    post: str
    revision: int
    kind: Kind
    severity: int
    kind_before: Kind
    severity_before: int
    incident_before: str | None
    taught_by: str
    taught_at: int
    undone_by: str | None = None
    undone_at: int | None = None


class Taught(NamedTuple):
    """What a classifier needs of a lesson in force."""

    brand: str
    post: str
    kind: Kind
    kind_before: Kind
    taught_by: str
    exact: int
    features: Features


async def teach(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    brand: str,
    post_id: str,
    kind: Kind,
    *,
    by: str,
    now: datetime,
    severity: str | None = None,
) -> Lesson:
    """The stored post is this kind from here, its incident follows, and posts like it are marked so by and by.

    `severity` of a complaint: as it was, else medium, where nothing is said. Raises ConfigurationError for a post that
    the store doesn't hold.
    """
    found, arrival = await _locked(connection, dialect, brand, post_id)
    at, row = to_millis(now), found.row
    like = likenesses([found.mention.text])
    lesson = Lesson(
        id=records.new_id(), brand=brand, post=post_id, revision=row.revision, kind=kind,
        severity=severity_for(kind, row.severity, severity), kind_before=row.kind, severity_before=row.severity,
        incident_before=row.incident, taught_by=by, taught_at=at,
    )  # fmt: skip
    values = msgspec.to_builtins(lesson) | {
        "features": base64.b64encode(like.of(0).astype("<u2").tobytes()).decode(),
        "features_version": VERSION,
        "exact": f"{like.exact[0]:x}",
        "changed_at": at,
    }
    names = list(values)
    await connection.execute(
        text(f"INSERT INTO lessons ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"), values
    )
    change = Remark(kind, lesson.severity, by, _why(kind, by), note=_note(lesson, row.lang))
    await remark(connection, dialect, policy, found, change, arrival, at)
    return lesson


async def undo(
    connection: AsyncConnection, dialect: str, policy: Policy, lesson_id: str, *, by: str, now: datetime
) -> Lesson:
    """The lesson is no more: its post is what it was before, where it is still there and nobody has edited it or taught
    it otherwise since. Raises ConfigurationError for a lesson that is not in force."""
    lesson = await _lesson(connection, lesson_id)
    if lesson is None:
        raise ConfigurationError(f"{lesson_id}: no such mark; see `hikeshi posts marks list`")
    if lesson.undone_at is not None:
        raise ConfigurationError(f"{lesson_id}: was undone by {lesson.undone_by} already")
    at = to_millis(now)
    await posts.lock_brands(connection, dialect, {lesson.brand: 0})
    done = await connection.execute(
        text(
            "UPDATE lessons SET undone_by = :by, undone_at = :at, changed_at = :at WHERE id = :id AND undone_at IS NULL"
        ),
        {"id": lesson_id, "by": by, "at": at},
    )
    if done.rowcount == 0:
        raise ConfigurationError(f"{lesson_id}: somebody else has just undone it")
    later = await connection.execute(
        text(
            "SELECT 1 FROM lessons WHERE brand = :brand AND post = :post AND undone_at IS NULL "
            "AND (taught_at > :at OR (taught_at = :at AND id > :id)) LIMIT 1"
        ),
        {"brand": lesson.brand, "post": lesson.post, "at": lesson.taught_at, "id": lesson.id},
    )
    found = await find(connection, lesson.brand, lesson.post)
    if found is not None and found.row.revision == lesson.revision and later.first() is None:
        why = f"{lesson.kind_before} again: {by} undid what {lesson.taught_by} taught"
        change = Remark(
            lesson.kind_before, lesson.severity_before, by, why,
            without=_note(lesson, found.row.lang), back_to=lesson.incident_before,
        )  # fmt: skip
        arrival = (await posts.lock_brands(connection, dialect, {lesson.brand: 1}))[lesson.brand]
        await remark(connection, dialect, policy, found, change, arrival, at)
    return msgspec.structs.replace(lesson, undone_by=by, undone_at=at)


async def taught(connection: AsyncConnection, brand: str | None = None) -> list[Taught]:
    """The lessons in force, of a brand or of all: each post's last that was not undone, the newest of each brand."""
    condition = "AND brand = :brand" if brand is not None else ""
    found = await connection.execute(
        text(
            "SELECT brand, post, kind, kind_before, taught_by, exact, features FROM ("
            "SELECT *, ROW_NUMBER() OVER (PARTITION BY brand ORDER BY taught_at DESC, id DESC) AS newest FROM ("
            "SELECT *, ROW_NUMBER() OVER (PARTITION BY brand, post ORDER BY taught_at DESC, id DESC) AS last "
            f"FROM lessons WHERE undone_at IS NULL AND features_version = :version {condition}) AS each "
            "WHERE last = 1) AS ranked WHERE newest <= :most ORDER BY brand, taught_at, id"
        ),
        {"version": VERSION, "most": MOST_LESSONS} | ({"brand": brand} if brand is not None else {}),
    )
    return [
        Taught(r.brand, r.post, r.kind, r.kind_before, r.taught_by, int(r.exact, 16), _features(r.features))
        for r in found
    ]


async def last_change(connection: AsyncConnection) -> tuple[int, int]:
    """Another value whenever something was taught, undone or purged: asked often, so that `taught` need not be."""
    found = await connection.execute(text("SELECT COUNT(*), COALESCE(MAX(changed_at), 0) FROM lessons"))
    count, changed = found.one()
    return int(count), int(changed)


async def history(
    connection: AsyncConnection, *, brand: str | None = None, everything: bool = False
) -> Sequence[Lesson]:
    """What was taught, oldest first: what was not undone, or everything."""
    conditions = ["1 = 1"]
    if brand is not None:
        conditions.append("brand = :brand")
    if not everything:
        conditions.append("undone_at IS NULL")
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM lessons WHERE {' AND '.join(conditions)} ORDER BY taught_at, id"),
        {"brand": brand} if brand is not None else {},
    )
    return [_from_row(row) for row in found]


async def _locked(connection: AsyncConnection, dialect: str, brand: str, post_id: str) -> tuple[Found, int]:
    """The post, its brand locked, and the number of its new arrival."""
    arrival = (await posts.lock_brands(connection, dialect, {brand: 1}))[brand]
    found = await find(connection, brand, post_id)
    if found is None:
        raise ConfigurationError(f"{post_id}: no such post of the brand `{brand}`; see `hikeshi posts list`")
    return found, arrival


async def _lesson(connection: AsyncConnection, lesson_id: str) -> Lesson | None:
    found = await connection.execute(text(f"SELECT {_COLUMNS} FROM lessons WHERE id = :id"), {"id": lesson_id})
    row = found.first()
    return _from_row(row) if row is not None else None


def _from_row(row: Any) -> Lesson:
    return Lesson(**row._mapping)


def _features(written: str) -> Features:
    return np.frombuffer(base64.b64decode(written), dtype="<u2").astype(np.uint16)


def _why(kind: str, by: str) -> str:
    return f"{'not about the brand' if kind == 'irrelevant' else kind}, as marked by {by}"


def _note(lesson: Lesson, lang: str | None) -> str:
    """What stands first among the post's reasons."""
    words = {
        "complaint": "苦情", "question": "質問", "praise": "好意的な声", "promotion": "宣伝", "neutral": "中立",
        "irrelevant": "このブランドの話ではない",
    }  # fmt: skip
    severity = f", {SEVERITIES[lesson.severity]}" if lesson.severity else ""
    if lang == "ja":
        return f"{lesson.taught_by}さんの判定: {words[lesson.kind]}"
    return f"marked by {lesson.taught_by}: {lesson.kind}{severity}"
