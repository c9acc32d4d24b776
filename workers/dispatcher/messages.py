"""What a receiver has been sent, in the store: found again to hang on it, changed in place when it no longer holds."""

import re
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.dispatcher.channels.tools import Ref
from workers.dispatcher.outbox import Frozen
from workers.dispatcher.outcome import Made
from workers.dispatcher.style import Style
from workers.incidents.model import Millis
from workers.store import Store
from workers.store.bulk import Rows
from workers.store.sql import text

MAIN: Final = "main"
_POSTS: Final = Rows.of(post="text")
_POST_LINK: Final = re.compile(rb'/status/([0-9]{1,25})"')  # every post that a body shows is there by its link too
EDITS_AT_ONCE: Final = 10  # ours: what is new is looked at in between


class Standing(NamedTuple):
    """A message that is due to be changed. `marks`: how often that had been asked when it was read."""

    incident: str
    slot: str
    ref: dict[str, Any]
    posts: list[str]
    style: Style
    marks: int
    failures: int


class StoredBook:
    """A receiver's messages, for its channel."""

    def __init__(self, store: Store, receiver: str) -> None:
        self._store, self._receiver = store, receiver

    async def main(self, incident: str) -> Ref | None:
        """The incident's own message."""
        async with self._store.read() as connection:
            found = await connection.execute(
                text("SELECT ref FROM messages WHERE receiver = :receiver AND incident = :incident AND slot = 'main'"),
                {"receiver": self._receiver, "incident": incident},
            )
            ref = found.scalar()
        return None if ref is None else msgspec.json.decode(ref, type=dict[str, Any])


async def remember(
    connection: AsyncConnection,
    dialect: str,
    receiver: str,
    frozen: Frozen,
    made: Made,
    now: Millis,
    again_seconds: float | None,
) -> None:
    """A message was made: put it down. One that hangs on the incident's own asks that this be brought up to date.

    What has happened to the incident since its bytes were fixed, while nobody knew of the message, makes it due too.
    """
    incident, slot = frozen.tells[0].incident, MAIN if made.main else frozen.id
    await connection.execute(
        text(
            "INSERT INTO messages (receiver, incident, slot, ref, posts, editable, sent_at, language, timezone, "
            "due_at, marks, failures) VALUES (:receiver, :incident, :slot, :ref, :posts, :editable, :now, :language, "
            ":timezone, :due, 0, 0) ON CONFLICT (receiver, incident, slot) DO UPDATE SET ref = excluded.ref, "
            "posts = excluded.posts, editable = excluded.editable, sent_at = excluded.sent_at, "
            "due_at = CASE WHEN messages.due_at <= :now THEN messages.due_at ELSE excluded.due_at END, "
            "marks = messages.marks + 1, failures = 0"
        ),
        {
            "receiver": receiver,
            "incident": incident,
            "slot": slot,
            "ref": msgspec.json.encode(made.ref).decode(),
            "posts": msgspec.json.encode(made.posts).decode(),
            "editable": made.editable,
            "now": now,
            **frozen.style._asdict(),
            "due": None if again_seconds is None else now + round(again_seconds * 1000),
        },
    )
    if made.editable:
        await _note_posts(connection, dialect, receiver, incident, frozen.body)
        await connection.execute(
            text(
                "UPDATE messages SET due_at = :now, marks = marks + 1 WHERE receiver = :receiver "
                "AND incident = :incident AND slot = :slot "
                "AND EXISTS (SELECT 1 FROM incidents WHERE id = :incident AND updated_at > :frozen_at)"
            ),
            {
                "receiver": receiver,
                "incident": incident,
                "slot": slot,
                "now": now,
                "frozen_at": frozen.frozen_at,
            },
        )
    if not made.main:
        await connection.execute(
            text(
                "UPDATE messages SET due_at = :now, marks = marks + 1 "
                "WHERE receiver = :receiver AND incident = :incident AND slot = 'main' AND editable"
            ),
            {"receiver": receiver, "incident": incident, "now": now},
        )


async def _note_posts(connection: AsyncConnection, dialect: str, receiver: str, incident: str, body: bytes) -> None:
    posts = sorted({found.decode() for found in _POST_LINK.findall(body)})
    if posts:
        await connection.execute(
            text(
                "INSERT INTO message_posts (post, receiver, incident) SELECT r.post, :receiver, :incident "
                f"FROM {_POSTS.source(dialect)} WHERE true ON CONFLICT DO NOTHING"
            ),
            {"receiver": receiver, "incident": incident, **_POSTS.bind(dialect, [(post,) for post in posts])},
        )


async def due_receivers(connection: AsyncConnection, now: Millis) -> set[str]:
    """Receivers with a message that is due to be changed."""
    found = await connection.execute(
        text("SELECT DISTINCT receiver FROM messages WHERE due_at IS NOT NULL AND due_at <= :now"), {"now": now}
    )
    return set(found.scalars())


async def due_edits(connection: AsyncConnection, receiver: str, now: Millis, most: int) -> list[Standing]:
    """Messages of a receiver that are due to be changed, the newest change first: somebody has just pressed it."""
    found = await connection.execute(
        text(
            "SELECT incident, slot, ref, posts, language, timezone, marks, failures FROM messages "
            "WHERE receiver = :receiver AND due_at IS NOT NULL AND due_at <= :now ORDER BY due_at DESC, incident, slot "
            "LIMIT :most"
        ),
        {"receiver": receiver, "now": now, "most": min(most, EDITS_AT_ONCE)},
    )
    return [
        Standing(
            row.incident,
            row.slot,
            msgspec.json.decode(row.ref, type=dict[str, Any]),
            msgspec.json.decode(row.posts, type=list[str]),
            Style(row.language, row.timezone),
            row.marks,
            row.failures,
        )
        for row in found
    ]


async def edited(
    connection: AsyncConnection,
    receiver: str,
    standing: Standing,
    *,
    due_at: Millis | None,
    failures: int = 0,
    posts: list[str] | None = None,
    ref: Ref | None = None,
) -> None:
    """What came of a change: done (`due_at` None, or when it must be sent again), or when it is tried again.

    Where a change was asked for meanwhile, that stays due.
    """
    await connection.execute(
        text(
            "UPDATE messages SET failures = :failures, posts = COALESCE(:posts, posts), ref = COALESCE(:ref, ref), "
            "due_at = CASE WHEN marks = :marks THEN CAST(:due AS BIGINT) ELSE due_at END "
            "WHERE receiver = :receiver AND incident = :incident AND slot = :slot"
        ),
        {
            "receiver": receiver,
            "incident": standing.incident,
            "slot": standing.slot,
            "marks": standing.marks,
            "failures": failures,
            "due": due_at,
            "posts": None if posts is None else msgspec.json.encode(posts).decode(),
            "ref": None if ref is None else msgspec.json.encode(ref).decode(),
        },
    )


async def forget(connection: AsyncConnection, receiver: str, standing: Standing) -> None:
    """It is not there any more, or can't be changed: nobody need look at it again."""
    await connection.execute(
        text("DELETE FROM messages WHERE receiver = :receiver AND incident = :incident AND slot = :slot"),
        {"receiver": receiver, "incident": standing.incident, "slot": standing.slot},
    )
