"""A post is taken away for good: its row and every copy of its text go, its id alone stays so that it can't return."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents import posts, records, sent_messages
from workers.incidents.decide import resolve
from workers.incidents.minutes import complaints_in, uncount
from workers.incidents.model import KIND_WEIGHT, Decision, Event, Incident, Millis, Notify, burst_key
from workers.store.bulk import Rows
from workers.store.sql import text

_REMOVED = Rows.of(brand="text", id="text", now="bigint")


async def remove(
    connection: AsyncConnection, dialect: str, keys: Sequence[tuple[str, str]], now: Millis
) -> list[Millis]:
    """Remove posts by brand and id, known or not. Returns when notifications that follow are due.

    Notifications that are frozen with the post's text and not yet sent are cancelled and scheduled anew without it;
    an incident that has lost its only post is resolved.
    """
    # First, as whoever stores posts does: the posts and minutes of a batch under way are its own until its end.
    await posts.hold_brands(connection, dialect, {brand for brand, _ in keys})
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
    await _forget_numbers(connection, dialect, rows)
    counted = [row for row in removed if row.kind == "complaint" and row.incident is not None]
    for row in counted:
        await uncount(connection, row.brand, row.kind, row.created_at)
    lost = [row.incident for row in removed if row.incident is not None]
    bursts = await _bursts_of(connection, {row.brand for row in counted})
    quoting = await _quoting(connection, dialect, rows)
    incidents = await records.lock(connection, dialect, {*lost, *bursts, *quoting})
    decided: list[tuple[Incident, Decision]] = []
    for incident in incidents.values():
        decision = Decision()
        if incident.scope == "burst":
            incident.post_count = await complaints_in(connection, dialect, incident.brand, incident.spans)
        elif incident.id in lost:
            decision = await _without(connection, incident, lost.count(incident.id), now)
        await _thaw(connection, incident, decision, now)
        decided.append((incident, decision))
    await records.save(connection, dialect, decided, now)
    shown = await sent_messages.showing(connection, dialect, {post_id for _, post_id in keys})
    await sent_messages.mark(connection, dialect, {*incidents, *shown}, now, threads=True)
    return [notify.due_at for _, decision in decided for notify in decision.notify]


async def _forget_numbers(connection: AsyncConnection, dialect: str, rows: Sequence[tuple[str, str, Millis]]) -> None:
    """What was taught on the posts, for its numbers are made of their texts, and what was counted of them at X."""
    given = _REMOVED.bind(dialect, rows)
    source = _REMOVED.source(dialect)
    await connection.execute(
        text(f"DELETE FROM lessons WHERE (brand, post) IN (SELECT r.brand, r.id FROM {source})"), given
    )
    await connection.execute(text(f"DELETE FROM spread_looks WHERE post IN (SELECT r.id FROM {source})"), given)


async def _quoting(connection: AsyncConnection, dialect: str, rows: Sequence[tuple[str, str, Millis]]) -> list[str]:
    """Incidents with bytes that wait to be sent and show one of these posts, in a digest or as what a post answers."""
    found = await connection.execute(
        text(
            f"SELECT DISTINCT outbox.incident FROM outbox JOIN {_REMOVED.source(dialect)} "
            "ON outbox.body LIKE '%/status/' || r.id || '\"%' WHERE outbox.state IN ('frozen', 'failed')"
        ),
        _REMOVED.bind(dialect, rows),
    )
    return list(found.scalars())


async def _bursts_of(connection: AsyncConnection, brands: set[str]) -> list[str]:
    found: list[str] = []
    for brand in sorted(brands):
        rows = await connection.execute(
            text("SELECT id FROM incidents WHERE key = :key AND latest"), {"key": burst_key(brand)}
        )
        found += rows.scalars()
    return found


async def _without(connection: AsyncConnection, incident: Incident, lost: int, now: Millis) -> Decision:
    """A root incident after it has lost so many of its posts: its counts, kind and reasons are those of the rest."""
    incident.author_count = await posts.recount_authors(connection, incident.id)
    incident.post_count = max(0, incident.post_count - lost)
    rest = await connection.execute(
        text("SELECT kind, body FROM posts WHERE incident = :incident ORDER BY severity DESC, arrival"),
        {"incident": incident.id},
    )
    found = rest.all()
    incident.reasons = records.reasons_of(found[0].body) if found else []
    incident.kind = max((row.kind for row in found), key=KIND_WEIGHT.__getitem__, default=incident.kind)
    if not found and incident.is_open:
        return resolve(incident, "hikeshi", "its only post was removed", now)
    return Decision(events=[Event("post_removed", f"{lost} removed at the source or by hand")])


async def _thaw(connection: AsyncConnection, incident: Incident, decision: Decision, now: Millis) -> None:
    """What is frozen holds the text: it is withdrawn, and made anew without it. A dead letter only loses its text."""
    why = "a post of it was removed"
    for receiver, reason in incident.frozen.items():
        decision.withdraw.setdefault(receiver, why)
        decided_already = any(notify.receiver == receiver for notify in decision.notify)
        if incident.is_open and receiver not in incident.scheduled and not decided_already:
            decision.notify.append(Notify(receiver, reason, now, why))
    await connection.execute(
        text(
            "UPDATE outbox SET state = 'cancelled', body = NULL, detail = :why "
            "WHERE state = 'failed' AND incident = :incident"
        ),
        {"incident": incident.id, "why": why},
    )
