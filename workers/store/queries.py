"""What the lists show: rows in the contract's shape, oldest first, streamed so that a million fit."""

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.mark import INFLUENCES, SEVERITIES
from schemas.mention import rfc3339
from workers.store.bulk import Rows
from workers.store.membership import belonging_to
from workers.store.spread import spread_of
from workers.store.store import Store

_NO_LIMIT: Final = 2**62
_IDS = Rows.of(id="text")


async def posts(store: Store, limit: int | None = None) -> AsyncIterator[dict[str, Any]]:
    """Every stored post, one for each brand, oldest first."""
    async with store.read() as connection:
        # A cursor, not a list: a million rows are sorted by the database and pass through here a few at a time.
        rows = await connection.stream(
            text(
                "SELECT id, revision, brand, kind, severity, influence, lang, created_at, incident, reason FROM posts "
                "ORDER BY created_at, brand, id LIMIT :most"
            ),
            {"most": limit if limit is not None else _NO_LIMIT},
        )
        async for row in rows:
            yield _post(row)


async def incidents(store: Store, *, everything: bool = False, limit: int | None = None) -> list[dict[str, Any]]:
    """Open incidents, or all of them, oldest first."""
    condition = "" if everything else "WHERE status IN ('firing', 'acknowledged')"
    async with store.read() as connection:
        found = await connection.execute(
            text(f"SELECT * FROM incidents {condition} ORDER BY opened_at, key, id LIMIT :most"),
            {"most": limit if limit is not None else _NO_LIMIT},
        )
        return [_incident(row) for row in found]


async def incident_details(store: Store, ids: Collection[str]) -> list[dict[str, Any]]:
    """These incidents with their posts and timelines, in the order asked for; unknown ones are left out."""
    details = []
    for wanted in ids:
        async with store.read() as connection:
            row = (await connection.execute(text("SELECT * FROM incidents WHERE id = :id"), {"id": wanted})).first()
            if row is None:
                continue
            spans = msgspec.json.decode(row.spans, type=list[tuple[int, int]])
            condition, values = belonging_to(store.dialect, row.scope, row.id, row.brand, spans)
            shown = await connection.execute(
                text(
                    "SELECT id, revision, brand, kind, severity, influence, lang, created_at, incident, reason, body "
                    f"FROM posts WHERE {condition} ORDER BY created_at, id"
                ),
                values,
            )
            happened = await connection.execute(
                text("SELECT at, event, actor, reason FROM events WHERE incident = :id ORDER BY id"), {"id": wanted}
            )
            spread = await spread_of(
                connection, store.dialect, scope=row.scope, incident=row.id, brand=row.brand, key=row.key, spans=spans
            )
            details.append(
                {
                    **_incident(row),
                    "spread": spread,
                    "posts": [_post(post) | _shown(post.body) for post in shown],
                    "timeline": [
                        {"at": moment(e.at), "event": e.event, "actor": e.actor, "reason": e.reason} for e in happened
                    ],
                }
            )
    return details


async def failed_notifications(store: Store) -> list[dict[str, Any]]:
    """Notifications that were given up, oldest first."""
    async with store.read() as connection:
        found = await connection.execute(
            text(
                "SELECT id, incident, receiver, reason, attempts, detail, finished_at FROM outbox "
                "WHERE state = 'failed' ORDER BY finished_at, id"
            )
        )
        return [
            {
                "id": row.id,
                "stage": "notification",
                "incident": row.incident,
                "receiver": row.receiver,
                "reason": row.reason,
                "attempts": row.attempts,
                "fault": row.detail,
                "at": moment(row.finished_at),
            }
            for row in found
        ]


async def retry_notifications(store: Store, ids: Collection[str], now: datetime) -> int:
    """Send these once more, the same bytes under the same key. Returns how many there were."""
    return await _settle(store, ids, "state = 'frozen', finished_at = NULL, first_due_at = :now, due_at = :now", now)


async def drop_notifications(store: Store, ids: Collection[str], now: datetime) -> int:
    """Give these up for good. Returns how many there were."""
    return await _settle(
        store, ids, "state = 'cancelled', body = NULL, finished_at = :now, detail = 'dropped by hand'", now
    )


async def _settle(store: Store, ids: Collection[str], change: str, now: datetime) -> int:
    async def in_store(connection: AsyncConnection) -> int:
        done = await connection.execute(
            text(
                f"UPDATE outbox SET {change} WHERE state = 'failed' "
                f"AND id IN (SELECT r.id FROM {_IDS.source(store.dialect)})"
            ),
            {**_IDS.bind(store.dialect, [(i,) for i in sorted(set(ids))]), "now": round(now.timestamp() * 1000)},
        )
        return done.rowcount

    return await store.change(in_store)


def _post(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "revision": row.revision,
        "brand": row.brand,
        "kind": row.kind,
        "severity": SEVERITIES[row.severity],
        "influence": INFLUENCES[row.influence],
        "lang": row.lang,
        "created_at": moment(row.created_at),
        "incident": row.incident,
        "reason": row.reason,
    }


def _shown(body: str) -> dict[str, Any]:
    stored = msgspec.json.decode(body)
    mention = stored["mention"]
    return {"text": mention["text"], "author": mention.get("author"), "reasons": stored["reasons"]}


class _Escalation(msgspec.Struct):
    name: str
    next_at: int | None = None


def _escalation(text: str) -> dict[str, Any]:
    """Which one, and when its next step is due."""
    state = msgspec.json.decode(text, type=_Escalation)
    return {"name": state.name, "next_at": moment(state.next_at) if state.next_at is not None else None}


def _incident(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "key": row.key,
        "scope": row.scope,
        "brand": row.brand,
        "kind": row.kind,
        "severity": SEVERITIES[row.severity],
        "status": row.status,
        "opened_at": moment(row.opened_at),
        "updated_at": moment(row.updated_at),
        "post_count": row.post_count,
        "author_count": row.author_count,
        "reasons": msgspec.json.decode(row.reasons),
        "assignee": row.assignee,
        "acknowledged_until": moment(row.acknowledged_until) if row.acknowledged_until is not None else None,
        "muted_by": row.muted_by,
        "muted_until": moment(row.muted_until) if row.muted_until is not None else None,
        "escalation": _escalation(row.escalation) if row.escalation is not None else None,
        "merged_into": row.merged_into,
    }


def moment(milliseconds: int) -> str:
    """A stored time as lists show it."""
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
