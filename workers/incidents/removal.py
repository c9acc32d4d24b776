"""A post is taken away for good: its row and every copy of its text go, its id alone stays so that it can't return."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents import records
from workers.incidents.decide import resolve
from workers.incidents.model import Decision, Event, Incident, Millis
from workers.store.bulk import Rows

_REMOVED = Rows.of(brand="text", id="text", now="bigint")
_IDS = Rows.of(id="text", now="bigint")


async def remove(
    connection: AsyncConnection, dialect: str, keys: Sequence[tuple[str, str]], now: Millis
) -> list[Millis]:
    """Remove posts by brand and id, known or not. Returns when notifications that follow are due.

    Notifications that are frozen with the post's text and not yet sent are cancelled and scheduled anew without it;
    an incident that has lost its only post is resolved.
    """
    rows = [(brand, post_id, now) for brand, post_id in sorted(set(keys))]
    await connection.execute(
        text(
            f"INSERT INTO removed (brand, id, removed_at) SELECT r.brand, r.id, r.now FROM {_REMOVED.source(dialect)} "
            "WHERE true ON CONFLICT DO NOTHING"
        ),
        _REMOVED.bind(dialect, rows),
    )
    gone = await connection.execute(
        text(
            f"DELETE FROM posts WHERE (brand, id) IN (SELECT r.brand, r.id FROM {_REMOVED.source(dialect)}) "
            "RETURNING brand, kind, created_at, incident"
        ),
        _REMOVED.bind(dialect, rows),
    )
    removed = gone.all()
    lost = [row.incident for row in removed if row.incident is not None]
    brands = {row.brand for row in removed if row.kind == "complaint"}
    bursts = await _bursts_of(connection, brands)
    incidents = await records.lock(connection, dialect, {*lost, *bursts})
    decided: list[tuple[Incident, Decision]] = [
        (incident, await _without(connection, incident, lost.count(incident.id), now))
        for incident in incidents.values()
    ]
    await records.save(connection, dialect, decided, now)
    refrozen = await _thaw(connection, dialect, list(incidents), now)
    return [*(n.due_at for _, decision in decided for n in decision.notify), *([now] if refrozen else [])]


async def _bursts_of(connection: AsyncConnection, brands: set[str]) -> list[str]:
    found: list[str] = []
    for brand in sorted(brands):
        rows = await connection.execute(
            text("SELECT id FROM incidents WHERE brand = :brand AND scope = 'burst' AND status <> 'resolved'"),
            {"brand": brand},
        )
        found += rows.scalars()
    return found


async def _without(connection: AsyncConnection, incident: Incident, lost: int, now: Millis) -> Decision:
    """The incident after it has lost so many of its own posts (none for a burst): its reasons may quote them."""
    if incident.scope == "burst" or not lost:
        return Decision()
    incident.post_count = max(0, incident.post_count - lost)
    rest = await connection.execute(
        text("SELECT body FROM posts WHERE incident = :incident ORDER BY severity DESC, arrival LIMIT 1"),
        {"incident": incident.id},
    )
    body = rest.scalar()
    incident.reasons = records.reasons_of(body) if body is not None else []
    if body is None and incident.is_open:
        return resolve(incident, "hikeshi", "its only post was removed", now)
    return Decision(events=[Event("post_removed", f"{lost} removed at the source or by hand")])


async def _thaw(connection: AsyncConnection, dialect: str, incidents: Sequence[str], now: Millis) -> int:
    """Cancel frozen notifications of these incidents (their bytes hold the text); schedule them anew."""
    if not incidents:
        return 0
    among = f"IN (SELECT r.id FROM {_IDS.source(dialect)})"
    bound = _IDS.bind(dialect, [(i, now) for i in incidents])
    found = await connection.execute(
        text(
            "UPDATE outbox SET state = 'cancelled', body = NULL, finished_at = :at, "
            f"detail = 'a post of it was removed' WHERE state IN ('frozen', 'failed') AND incident {among} "
            "RETURNING incident, receiver, reason, why, weight"
        ),
        {**bound, "at": now},
    )
    cancelled = found.all()
    for row in cancelled:
        await connection.execute(
            text(
                "INSERT INTO outbox (id, incident, receiver, reason, why, state, weight, created_at, first_due_at, "
                "due_at, attempts) VALUES (:id, :incident, :receiver, :reason, :why, 'scheduled', :weight, :now, :now, "
                ":now, 0) ON CONFLICT (incident, receiver) WHERE state = 'scheduled' DO NOTHING"
            ),
            {**row._mapping, "id": records.new_idempotency_key(), "now": now},
        )
    return len(cancelled)
