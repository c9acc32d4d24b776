"""What people are told beside the webhook: what a post answers, who is loud, the spread, the book's answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from config.answers import AnswerEntry
from config.channels import ChannelKind
from schemas.mark import INFLUENCES, SEVERITIES
from workers.dispatcher.payload import (
    Alert,
    AnsweredPost,
    Loud,
    Notification,
    PostMark,
    ShownAnswer,
    Spread,
    answered_id,
    moment,
    post_url,
    shown_post,
)
from workers.incidents.answers import Answering, best_answer
from workers.incidents.model import Incident
from workers.store.bulk import Rows
from workers.store.membership import belonging_to
from workers.store.sql import text

MOST_LOUD: Final = 3  # ours: more is a list, not an alert
_IDS: Final = Rows.of(id="text")


class Context(NamedTuple):
    """What is known of the brands and the answer book when a notification is frozen."""

    names: Mapping[str, str] = {}
    """What people call each brand."""
    answers: Sequence[AnswerEntry] = ()


NO_CONTEXT: Final = Context()


def is_for_people(kind: ChannelKind) -> bool:
    """Whether a channel is read by people. A webhook gets the contract's payload and nothing else."""
    return kind not in ("webhook", "console")


async def enriched(
    connection: AsyncConnection,
    dialect: str,
    shown: Notification,
    incident: Incident,
    context: Context,
    language: str,
) -> Alert:
    """The alert that people are told in place of the notification."""
    rows = await _rows(connection, dialect, incident.brand, [post.id for post in shown.posts])
    marks = await _marks(connection, dialect, incident.brand, rows)
    until = incident.acknowledged_until
    return Alert(
        **{field: getattr(shown, field) for field in Notification.__struct_fields__},
        brand_name=context.names.get(incident.brand, ""),
        assignee=incident.assignee,
        acknowledged_by=incident.acknowledged_by,
        acknowledged_until=moment(until) if until is not None else None,
        marks=marks,
        loud=await _loud(connection, dialect, incident),
        spread=await _spread(connection, incident),
        answer=_answer(shown, incident, rows, context, language),
    )


async def _rows(connection: AsyncConnection, dialect: str, brand: str, ids: Sequence[str]) -> dict[str, Any]:
    if not ids:
        return {}
    found = await connection.execute(
        text(
            f"SELECT posts.id, kind, severity, influence, body FROM {_IDS.source(dialect)} "
            "JOIN posts ON posts.brand = :brand AND posts.id = r.id"
        ),
        {"brand": brand, **_IDS.bind(dialect, [(identity,) for identity in ids])},
    )
    return {row.id: row for row in found}


async def _marks(connection: AsyncConnection, dialect: str, brand: str, rows: Mapping[str, Any]) -> dict[str, PostMark]:
    answered = {post_id: found for post_id, row in rows.items() if (found := answered_id(row.body)) is not None}
    known = await _rows(connection, dialect, brand, sorted(set(answered.values())))
    return {
        post_id: PostMark(
            row.kind,
            SEVERITIES[row.severity],
            INFLUENCES[row.influence],
            _answered(answered[post_id], known) if post_id in answered else None,
        )
        for post_id, row in rows.items()
    }


def _answered(post_id: str, known: Mapping[str, Any]) -> AnsweredPost:
    row = known.get(post_id)
    if row is None:
        return AnsweredPost(post_url(post_id))
    post = shown_post(row.body)
    author = post.author
    return AnsweredPost(post.url, post.text, author.name if author else None, author.username if author else None)


async def _loud(connection: AsyncConnection, dialect: str, incident: Incident) -> list[Loud]:
    if incident.influence == 0:
        return []
    condition, values = belonging_to(dialect, incident.scope, incident.id, incident.brand, incident.spans)
    found = await connection.execute(
        text(
            f"SELECT author, influence, body FROM posts WHERE {condition} AND influence > 0 "
            "ORDER BY influence DESC, created_at LIMIT 50"
        ),
        values,
    )
    loud: dict[str, Loud] = {}
    for row in found:
        author = shown_post(row.body).author
        if author is not None and row.author not in loud:
            name = author.name or author.username or ""
            loud[row.author] = Loud(name, author.username, author.followers, INFLUENCES[row.influence])
    ordered = sorted(loud.values(), key=lambda one: (INFLUENCES.index(one.influence), one.followers or 0), reverse=True)
    return ordered[:MOST_LOUD]


async def _spread(connection: AsyncConnection, incident: Incident) -> Spread | None:
    if incident.scope != "root":
        return None
    found = await connection.execute(
        text("SELECT retweets, quotes FROM spread WHERE brand = :brand AND root = :root"),
        {"brand": incident.brand, "root": incident.key.rpartition("/")[2]},
    )
    row = found.first()
    return Spread(row.retweets, row.quotes) if row is not None else None


def _answer(
    shown: Notification, incident: Incident, rows: Mapping[str, Any], context: Context, language: str
) -> ShownAnswer | None:
    """For the gravest post: it stands first."""
    if not shown.posts or incident.status == "resolved":
        return None
    post = shown.posts[0]
    row = rows.get(post.id)
    if row is None:
        return None
    asked = Answering(post.id, incident.brand, row.kind, SEVERITIES[row.severity], post.lang, post.text)
    best = best_answer(context.answers, asked, language)
    return ShownAnswer(**best._asdict()) if best is not None else None
