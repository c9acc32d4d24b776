"""What is still to be told: scheduled, cancelled, withdrawn, in bulk and always under the incidents' locks."""

import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents import sent_messages
from workers.incidents.model import Decision, Incident, Millis
from workers.store.bulk import Rows
from workers.store.sql import text

_EVENTS = Rows.of(incident="text", at="bigint", event="text", actor="text", reason="text")
_OUTBOX = Rows.of(
    id="text", incident="text", receiver="text", reason="text", why="text", weight="integer", now="bigint",
    due="bigint", trace="text", held="text",
)  # fmt: skip
_CANCELS = Rows.of(incident="text", receiver="text", now="bigint", detail="text")
_IDS = Rows.of(id="text")


async def save_decisions(
    connection: AsyncConnection, dialect: str, decided: Sequence[tuple[Incident, Decision]], now: Millis
) -> None:
    """Write the timeline and schedule, cancel or withdraw what was decided."""
    await _write_events(
        connection,
        dialect,
        [(i.id, now, e.event, e.actor, e.reason) for i, decision in decided for e in decision.events],
    )
    cancelled = [(i.id, receiver, now, why) for i, d in decided for receiver, why in d.cancel.items()]
    withdrawn = [(i.id, receiver, now, why) for i, d in decided for receiver, why in d.withdraw.items()]
    await _end(connection, dialect, "scheduled", cancelled)
    await release_bundles(connection, dialect, await _end(connection, dialect, "frozen", withdrawn))
    await _schedule(connection, dialect, decided, now)
    await sent_messages.mark(connection, dialect, sent_messages.changed(decided), now)


async def release_bundles(connection: AsyncConnection, dialect: str, carriers: Collection[str]) -> None:
    """What these were to carry goes by itself now, unless something newer is scheduled for it already."""
    if not carriers:
        return
    newer = (
        "SELECT 1 FROM outbox n WHERE n.state = 'scheduled' AND n.incident = outbox.incident "
        "AND n.receiver = outbox.receiver"
    )
    await connection.execute(
        text(
            f"UPDATE outbox SET carrier = NULL, state = CASE WHEN EXISTS ({newer}) THEN 'cancelled' ELSE 'scheduled' "
            f"END WHERE state = 'bundled' AND carrier IN (SELECT r.id FROM {_IDS.source(dialect)})"
        ),
        _IDS.bind(dialect, [(carrier,) for carrier in sorted(carriers)]),
    )


async def _write_events(connection: AsyncConnection, dialect: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        await connection.execute(
            text(f"INSERT INTO events ({_EVENTS.names}) SELECT {_EVENTS.names} FROM {_EVENTS.source(dialect)}"),
            _EVENTS.bind(dialect, rows),
        )


async def _schedule(
    connection: AsyncConnection, dialect: str, decided: Iterable[tuple[Incident, Decision]], now: Millis
) -> None:
    """At most one is scheduled for each incident and receiver. Its id is its Idempotency-Key: 32 hex digits."""
    rows = [
        (secrets.token_hex(16), i.id, n.receiver, n.reason, n.why, i.severity, now, n.due_at, decision.trace, n.held)
        for i, decision in decided
        for n in decision.notify
    ]
    if rows:
        await connection.execute(
            text(
                "INSERT INTO outbox (id, incident, receiver, reason, why, state, weight, created_at, first_due_at, "
                "due_at, attempts, trace, held) SELECT r.id, r.incident, r.receiver, r.reason, r.why, 'scheduled', "
                f"r.weight, r.now, r.due, r.due, 0, r.trace, r.held FROM {_OUTBOX.source(dialect)} WHERE true "
                "ON CONFLICT (incident, receiver) WHERE state = 'scheduled' DO UPDATE SET reason = excluded.reason, "
                "why = excluded.why, weight = excluded.weight, first_due_at = excluded.first_due_at, "
                "due_at = excluded.due_at, created_at = excluded.created_at, held = excluded.held, "
                "trace = COALESCE(outbox.trace, excluded.trace)"
            ),
            _OUTBOX.bind(dialect, rows),
        )


async def _end(connection: AsyncConnection, dialect: str, state: str, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """Cancel what is in this state; returns the ids. Their text goes with them."""
    if not rows:
        return []
    ended = await connection.execute(
        text(
            "UPDATE outbox SET state = 'cancelled', finished_at = r.now, detail = r.detail, body = NULL "
            f"FROM {_CANCELS.source(dialect)} WHERE outbox.incident = r.incident AND outbox.receiver = r.receiver "
            # the second condition is the index's own, without which SQLite does not take it
            f"AND outbox.state = '{state}' AND outbox.state IN ('scheduled', 'frozen', 'bundled') RETURNING outbox.id"
        ),
        _CANCELS.bind(dialect, rows),
    )
    return list(ended.scalars())
