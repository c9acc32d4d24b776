"""The outbox in the store: what is due, frozen before its first attempt, recorded after it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.dispatcher.outcome import Next
from workers.dispatcher.payload import MAX_POSTS, ShownPost, notification, shown_post
from workers.incidents import records
from workers.incidents.decide import sent, still_wanted
from workers.incidents.model import Decision, Event, Incident, Millis, Notify, Reason, Scheduled, Told
from workers.incidents.routing import route

MAX_BUNDLE: Final = 1000  # ours: notifications that one may carry; their incidents are locked together
_FALLBACKS_AT_ONCE: Final = 50

# Due, and not a second one beside a frozen one of the same incident: what that tells is not known yet.
_DUE: Final = (
    "SELECT id, incident, reason, state, weight, attempts, first_due_at, trace FROM outbox "
    "WHERE receiver = :receiver AND due_at <= :now AND state IN ('scheduled', 'frozen') AND NOT (state = 'scheduled' "
    "AND EXISTS (SELECT 1 FROM outbox other WHERE other.incident = outbox.incident "
    "AND other.receiver = outbox.receiver AND other.state = 'frozen' "
    # said twice, for SQLite takes a partial index only where its own condition stands: else each send reads the table
    "AND other.state IN ('scheduled', 'frozen', 'bundled'))) "
    "ORDER BY weight DESC, first_due_at, id LIMIT :most"
)


class Due(NamedTuple):
    """A notification whose time has come."""

    id: str
    incident: str
    reason: Reason
    state: str
    weight: int
    attempts: int
    first_due_at: Millis
    trace: str | None


class Tells(msgspec.Struct, frozen=True):
    """What a receiver will have been told of one incident once a notification is sent."""

    incident: str
    reason: Reason
    arrival: int
    severity: int


class Style(NamedTuple):
    """How a person is to read it."""

    language: str = "en"
    timezone: str = "UTC"


class Frozen(NamedTuple):
    """A notification whose bytes and key are fixed."""

    id: str
    body: bytes
    style: Style
    trace: str | None
    tells: list[Tells]
    attempts: int
    first_due_at: Millis


class _Wanted(NamedTuple):
    """A notification that is still wanted: its new posts to show, how many there are, the last arrival of them."""

    due: Due
    incident: Incident
    posts: list[ShownPost]
    new_posts: int
    arrival: int


_tells = msgspec.json.Decoder(list[Tells])


async def due_receivers(connection: AsyncConnection, now: Millis) -> tuple[set[str], Millis | None]:
    """Receivers with something due, and when the next becomes due after now."""
    due = await connection.execute(
        text("SELECT DISTINCT receiver FROM outbox WHERE state IN ('scheduled', 'frozen') AND due_at <= :now"),
        {"now": now},
    )
    names = set(due.scalars())
    later = await connection.execute(
        text("SELECT MIN(due_at) FROM outbox WHERE state IN ('scheduled', 'frozen') AND due_at > :now"), {"now": now}
    )
    return names, later.scalar()


async def due_for(connection: AsyncConnection, receiver: str, now: Millis, most: int) -> list[Due]:
    """What is due for a receiver, the weightiest first."""
    found = await connection.execute(text(_DUE), {"receiver": receiver, "now": now, "most": most})
    return [Due(*row) for row in found]


async def freeze(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    zones: Mapping[str, str],
    receiver: str,
    first: Due,
    bundle: Sequence[Due],
    now: Millis,
) -> Frozen | None:
    """Fix the bytes of a notification, with others bundled into it; None when it is not wanted any more.

    What is frozen already is returned as it is: the same key never has two bodies. `zones`: the brands' time zones.
    """
    if first.state == "frozen":
        return await _frozen(connection, first.id)
    incidents = await records.lock(connection, dialect, {due.incident for due in (first, *bundle)})
    wanted: list[_Wanted] = []
    for due in (first, *bundle):
        incident = incidents.get(due.incident)
        # Under the incident's lock it may have been cancelled since it was read.
        if incident is None or receiver not in incident.scheduled:
            continue
        why_not = still_wanted(incident, due.reason)
        told = incident.told.get(receiver)
        since = told.arrival if told else -1
        shown = MAX_POSTS if not wanted else 1
        posts, count, arrival = await _new_posts(connection, incident, since, shown) if why_not is None else ([], 0, -1)
        if count == 0 and due.reason in ("first", "new_posts"):
            why_not = why_not or "no post of it is left to tell"
        if why_not is not None:
            await _cancel(connection, due.id, why_not, now)
        else:
            wanted.append(_Wanted(due, incident, posts, count, max(arrival, since)))
    if not wanted:
        return None
    incident = wanted[0].incident
    routed = route(policy, incident)
    pace = routed.receivers.get(receiver, routed.first)
    # A route that says nothing of a zone shows the times where the brand's people are.
    style = Style(pace.language, pace.timezone if pace.timezone != "UTC" else zones.get(incident.brand, "UTC"))
    return await _write_frozen(connection, receiver, wanted, style, now)


async def _write_frozen(
    connection: AsyncConnection, receiver: str, wanted: list[_Wanted], style: Style, now: Millis
) -> Frozen:
    main, incident, posts, count, _ = wanted[0]
    told = incident.told.get(receiver)
    reason: Reason = main.reason
    if told is None and reason != "all_resolved":
        reason = "first"
    elif told is not None and reason == "first":
        reason = "new_posts"
    others = {other.incident.id: other.new_posts for other in wanted[1:]}
    body = notification(incident, reason, receiver, posts, count, others)
    tells = [Tells(w.incident.id, w.due.reason, w.arrival, w.incident.severity) for w in wanted]
    await connection.execute(
        text(
            "UPDATE outbox SET state = 'frozen', frozen_at = :now, body = :body, told = :told, reason = :reason, "
            "language = :language, timezone = :timezone WHERE id = :id"
        ),
        {
            "id": main.id,
            "now": now,
            "body": body.decode(),
            "told": msgspec.json.encode(tells).decode(),
            "reason": reason,
            **style._asdict(),
        },
    )
    for other in wanted[1:]:
        await connection.execute(
            text("UPDATE outbox SET state = 'bundled', frozen_at = :now, carrier = :carrier WHERE id = :id"),
            {"id": other.due.id, "now": now, "carrier": main.id},
        )
    return Frozen(main.id, body, style, main.trace, tells, main.attempts, main.first_due_at)


async def _frozen(connection: AsyncConnection, identity: str) -> Frozen | None:
    found = await connection.execute(text("SELECT * FROM outbox WHERE id = :id AND state = 'frozen'"), {"id": identity})
    row = found.first()
    if row is None:
        return None
    style = Style(row.language, row.timezone)
    tells = _tells.decode(row.told)
    return Frozen(row.id, row.body.encode(), style, row.trace, tells, row.attempts, row.first_due_at)


async def _cancel(connection: AsyncConnection, identity: str, why: str, now: Millis) -> None:
    await connection.execute(
        text(
            "UPDATE outbox SET state = 'cancelled', finished_at = :now, detail = :why "
            "WHERE id = :id AND state = 'scheduled'"
        ),
        {"id": identity, "now": now, "why": why},
    )


def _posts_of(incident: Incident) -> tuple[str, dict[str, Any]]:
    """The condition for an incident's posts; a burst owns none, its are the brand's complaints in its spans."""
    if incident.scope == "root":
        return "incident = :incident", {"incident": incident.id}
    spans = " OR ".join(f"created_at BETWEEN :from{i} AND :to{i}" for i in range(len(incident.spans)))
    values: dict[str, Any] = {"brand": incident.brand}
    for i, (start, end) in enumerate(incident.spans):
        values |= {f"from{i}": start, f"to{i}": end}
    return f"brand = :brand AND kind = 'complaint' AND ({spans})", values


async def _new_posts(
    connection: AsyncConnection, incident: Incident, told: int, most: int
) -> tuple[list[ShownPost], int, int]:
    """The posts since that arrival, the weightiest first and so many at most; how many there are; the last arrival."""
    condition, values = _posts_of(incident)
    found = await connection.execute(
        text(
            "SELECT body, COUNT(*) OVER () AS posts, MAX(arrival) OVER () AS last FROM posts "
            f"WHERE {condition} AND arrival > :told ORDER BY severity DESC, influence DESC, created_at, id LIMIT :most"
        ),
        {**values, "told": told, "most": most},
    )
    rows = found.all()
    return [shown_post(row.body) for row in rows], rows[0].posts if rows else 0, rows[0].last if rows else -1


async def record_sent(
    connection: AsyncConnection, dialect: str, policy: Policy, receiver: str, frozen: Frozen, now: Millis
) -> None:
    """It was delivered: the receiver has been told, and when it hears again is decided.

    Also when it was cancelled while under way: it has gone out all the same.
    """
    await connection.execute(
        text(
            "UPDATE outbox SET state = 'sent', finished_at = :now, attempts = attempts + 1, body = NULL, detail = NULL "
            "WHERE id = :id OR (carrier = :id AND state = 'bundled')"
        ),
        {"id": frozen.id, "now": now},
    )
    incidents = await records.lock(connection, dialect, {tell.incident for tell in frozen.tells})
    decided: list[tuple[Incident, Decision]] = []
    for tell in frozen.tells:
        await _record_told(connection, receiver, tell, now)
        incident = incidents.get(tell.incident)
        if incident is not None:
            incident.told[receiver] = Told(now, tell.arrival, tell.severity)
            decision = sent(incident, receiver, tell.reason, policy, now)
            decision.events.append(Event("notified", f"{receiver}: {tell.reason}"))
            decided.append((incident, decision))
    await records.save_decisions(connection, dialect, decided, now)


async def _record_told(connection: AsyncConnection, receiver: str, tell: Tells, now: Millis) -> None:
    highest = "GREATEST" if connection.dialect.name == "postgresql" else "MAX"
    await connection.execute(
        text(
            "INSERT INTO told (incident, receiver, told_at, arrival, severity) "
            "VALUES (:incident, :receiver, :now, :arrival, :severity) ON CONFLICT (incident, receiver) DO UPDATE SET "
            f"told_at = excluded.told_at, arrival = {highest}(told.arrival, excluded.arrival), "
            "severity = excluded.severity"
        ),
        {
            "incident": tell.incident,
            "receiver": receiver,
            "now": now,
            "arrival": tell.arrival,
            "severity": tell.severity,
        },
    )


async def record_failure(connection: AsyncConnection, notification_id: str, then: Next, now: Millis) -> None:
    """It was not delivered: tried again at its time, or given up (then its bundle is scheduled anew, alone)."""
    await connection.execute(
        text(
            "UPDATE outbox SET state = :state, due_at = :due, detail = :detail, attempts = attempts + 1, "
            "finished_at = :finished WHERE id = :id AND state = 'frozen'"
        ),
        {
            "id": notification_id,
            "state": then.state,
            "due": then.due_at,
            "detail": then.detail,
            "finished": now if then.state == "failed" else None,
        },
    )
    if then.state == "failed":
        # The others bundled with it go by themselves, unless something newer is scheduled for them already.
        newer = "SELECT 1 FROM outbox n WHERE n.state = 'scheduled' AND n.incident = outbox.incident"
        await connection.execute(
            text(
                f"UPDATE outbox SET carrier = NULL, state = CASE WHEN EXISTS ({newer} "
                "AND n.receiver = outbox.receiver) THEN 'cancelled' ELSE 'scheduled' END "
                "WHERE carrier = :id AND state = 'bundled'"
            ),
            {"id": notification_id},
        )


async def undelivered(connection: AsyncConnection, receiver: str, since: Millis) -> list[Any]:
    """What was due by then, is not sent, and whose fallback has not been told."""
    found = await connection.execute(
        text(
            "SELECT id, incident, reason, weight, first_due_at, state FROM outbox WHERE receiver = :receiver "
            "AND fallback_at IS NULL AND state IN ('scheduled', 'frozen') "
            "AND first_due_at <= :since ORDER BY weight DESC, first_due_at LIMIT :most"
        ),
        {"receiver": receiver, "since": since, "most": _FALLBACKS_AT_ONCE},
    )
    return list(found)


async def fall_back(
    connection: AsyncConnection, dialect: str, notification_id: str, fallback: str, why: str, now: Millis
) -> None:
    """Tell the fallback of what a receiver has not taken, once for each notification."""
    found = await connection.execute(
        text("SELECT incident, reason FROM outbox WHERE id = :id AND fallback_at IS NULL"), {"id": notification_id}
    )
    row = found.first()
    if row is None:
        return
    await connection.execute(
        text("UPDATE outbox SET fallback_at = :now WHERE id = :id"), {"id": notification_id, "now": now}
    )
    incidents = await records.lock(connection, dialect, {row.incident})
    for incident in incidents.values():
        waiting = incident.scheduled.get(fallback)
        reason: Reason = row.reason if incident.told.get(fallback) or row.reason == "all_resolved" else "first"
        decision = Decision(events=[Event("fell_back", f"to {fallback}: {why}")])
        if waiting is None or waiting.due_at > now:
            incident.scheduled[fallback] = Scheduled(reason, now)
            decision.notify.append(Notify(fallback, reason, now, why))
        await records.save_decisions(connection, dialect, [(incident, decision)], now)


async def cancel_unknown(connection: AsyncConnection, receiver: str, now: Millis) -> int:
    """The file holds this receiver no more: what waits for it is cancelled, visibly."""
    done = await connection.execute(
        text(
            "UPDATE outbox SET state = 'cancelled', finished_at = :now, body = NULL, "
            "detail = 'the receiver is no longer in routes.yaml' "
            "WHERE receiver = :receiver AND state IN ('scheduled', 'frozen', 'bundled')"
        ),
        {"receiver": receiver, "now": now},
    )
    return done.rowcount
