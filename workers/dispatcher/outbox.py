"""The outbox in the store: what is due, what came of an attempt, whom a fallback told."""

from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.dispatcher.outcome import Next
from workers.dispatcher.style import Style as Style
from workers.incidents import ops, pending, records
from workers.incidents.decide import ask_again, receiver_gone, sent
from workers.incidents.model import Decision, Event, Held, Incident, Millis, Notify, Reason, Scheduled, Told
from workers.incidents.ops import is_ops
from workers.store.bulk import Rows
from workers.store.sql import text

PAGE: Final = 20  # ours: something graver that comes due waits for so many at most
MAX_BUNDLE: Final = 1000  # ours: notifications that one may carry; their incidents are locked together
_FALLBACKS_AT_ONCE: Final = 50
_GONE_AT_ONCE: Final = 200

_TOLD = Rows.of(incident="text", receiver="text", told_at="bigint", arrival="bigint", severity="integer")

# Due, and not a second one beside one of the same incident that is under way: what that tells is not known yet.
_DUE: Final = (
    "SELECT id, incident, reason, state, trace, held FROM outbox "
    "WHERE receiver = :receiver AND due_at <= :now AND state IN ('scheduled', 'frozen') AND NOT (state = 'scheduled' "
    "AND EXISTS (SELECT 1 FROM outbox other WHERE other.incident = outbox.incident "
    "AND other.receiver = outbox.receiver AND other.state IN ('frozen', 'bundled') "
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
    trace: str | None
    held: Held | None = None

    @property
    def is_gathered(self) -> bool:
        """Whether it waited for a digest: all that did go as one."""
        return self.held == "digest" and self.state == "scheduled"


class Tells(msgspec.Struct, frozen=True):
    """What a receiver will have been told of one incident once a notification is sent."""

    incident: str
    reason: Reason
    arrival: int
    severity: int


class Frozen(NamedTuple):
    """A notification whose bytes and key are fixed. `refused_since`: since when it was answered 401 to 404."""

    id: str
    body: bytes
    style: Style
    trace: str | None
    tells: list[Tells]
    attempts: int
    first_due_at: Millis
    frozen_at: Millis
    refused_since: Millis | None


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


async def read_frozen(connection: AsyncConnection, identity: str) -> Frozen | None:
    """A notification that was frozen before; None when it was withdrawn meanwhile."""
    found = await connection.execute(
        text(
            "SELECT id, body, language, timezone, trace, told, attempts, first_due_at, frozen_at, refused_since "
            "FROM outbox WHERE id = :id AND state = 'frozen'"
        ),
        {"id": identity},
    )
    row = found.first()
    if row is None:
        return None
    return Frozen(
        row.id,
        row.body.encode(),
        Style(row.language, row.timezone),
        row.trace,
        _tells.decode(row.told),
        row.attempts,
        row.first_due_at,
        row.frozen_at,
        row.refused_since,
    )


async def record_sent(
    connection: AsyncConnection, dialect: str, policy: Policy, receiver: str, frozen: Frozen, now: Millis
) -> None:
    """It was delivered: the receiver has been told, and when it hears again is decided.

    Also when it was withdrawn while under way: it has gone out all the same.
    """
    # The incidents first, in the order of their keys, as everybody locks them; then the outbox.
    incidents = await records.lock(connection, dialect, {tell.incident for tell in frozen.tells}, policy)
    await connection.execute(
        text(
            "UPDATE outbox SET state = 'sent', finished_at = :now, attempts = attempts + 1, body = NULL, detail = NULL "
            "WHERE id = :id OR (carrier = :id AND state = 'bundled')"
        ),
        {"id": frozen.id, "now": now},
    )
    await _record_told(connection, dialect, receiver, frozen.tells, now)
    decided: list[tuple[Incident, Decision]] = []
    for tell in frozen.tells:
        incident = incidents.get(tell.incident)
        if incident is not None:
            before = incident.told.get(receiver)
            severity = max(tell.severity, before.severity if before else 0)
            incident.told[receiver] = Told(now, max(tell.arrival, before.arrival if before else 0), severity)
            decision = sent(incident, receiver, tell.reason, policy, now)
            decision.events.append(Event("notified", f"{receiver}: {tell.reason}"))
            decided.append((incident, decision))
    await pending.save_decisions(connection, dialect, decided, now)


async def _record_told(
    connection: AsyncConnection, dialect: str, receiver: str, tells: list[Tells], now: Millis
) -> None:
    highest = "GREATEST" if dialect == "postgresql" else "MAX"
    await connection.execute(
        text(
            f"INSERT INTO told ({_TOLD.names}) SELECT {_TOLD.names} FROM {_TOLD.source(dialect)} WHERE true "
            "ON CONFLICT (incident, receiver) DO UPDATE SET told_at = excluded.told_at, "
            f"arrival = {highest}(told.arrival, excluded.arrival), "
            f"severity = {highest}(told.severity, excluded.severity)"
        ),
        _TOLD.bind(dialect, [(tell.incident, receiver, now, tell.arrival, tell.severity) for tell in tells]),
    )


async def record_failure(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    receiver: str,
    frozen: Frozen,
    then: Next,
    fallback: str | None,
    now: Millis,
) -> None:
    """It was not delivered: tried again at its time, or given up: then its bundle goes by itself, its fallback is told
    at once, and while nobody acknowledges the incident it is tried again at the repeat."""
    incidents = await records.lock(connection, dialect, {frozen.tells[0].incident}, policy)
    given_up = then.state == "failed"
    # A dead letter that is retried tells of its own incident alone: the others went by themselves.
    told = frozen.tells[:1] if given_up else frozen.tells
    changed = await connection.execute(
        text(
            "UPDATE outbox SET state = :state, due_at = :due, detail = :detail, attempts = attempts + 1, told = :told, "
            "finished_at = :finished, refused_since = :refused WHERE id = :id AND state = 'frozen'"
        ),
        {
            "id": frozen.id,
            "state": then.state,
            "due": then.due_at,
            "detail": then.detail,
            "told": msgspec.json.encode(told).decode(),
            "finished": now if given_up else None,
            "refused": then.refused_since,
        },
    )
    if not given_up or changed.rowcount == 0:
        return
    await pending.release_bundles(connection, dialect, [frozen.id])
    for incident in incidents.values():
        decision = ask_again(incident, receiver, policy, now)
        if fallback is not None:
            await _fall_back(
                connection, incident, frozen.id, fallback, f"{receiver} gave up: {then.detail}", decision, now
            )
        await pending.save_decisions(connection, dialect, [(incident, decision)], now)


async def undelivered(connection: AsyncConnection, receiver: str, since: Millis) -> list[Any]:
    """What was due by then, is not sent, and whose fallback has not been told: id, incident, weight, first_due_at."""
    found = await connection.execute(
        text(
            "SELECT id, incident, weight, first_due_at FROM outbox WHERE receiver = :receiver "
            "AND fallback_at IS NULL AND state IN ('scheduled', 'frozen', 'bundled') "
            "AND first_due_at <= :since ORDER BY weight DESC, first_due_at LIMIT :most"
        ),
        {"receiver": receiver, "since": since, "most": _FALLBACKS_AT_ONCE},
    )
    return list(found)


async def fall_back(
    connection: AsyncConnection, dialect: str, policy: Policy, row: Any, fallback: str, why: str, now: Millis
) -> None:
    """Tell the fallback of what a receiver has not taken (a row of `undelivered`), once for each notification."""
    for incident in (await records.lock(connection, dialect, {row.incident}, policy)).values():
        decision = Decision()
        await _fall_back(connection, incident, row.id, fallback, why, decision, now)
        await pending.save_decisions(connection, dialect, [(incident, decision)], now)


async def _fall_back(
    connection: AsyncConnection,
    incident: Incident,
    notification_id: str,
    fallback: str,
    why: str,
    decision: Decision,
    now: Millis,
) -> None:
    found = await connection.execute(
        text(
            "UPDATE outbox SET fallback_at = :now WHERE id = :id AND fallback_at IS NULL "
            "AND state IN ('scheduled', 'frozen', 'bundled', 'failed') RETURNING reason"
        ),
        {"id": notification_id, "now": now},
    )
    reason: Reason | None = found.scalar()
    if reason is None:
        return
    decision.events.append(Event("fell_back", f"to {fallback}: {why}"))
    waiting = incident.scheduled.get(fallback)
    if waiting is None or waiting.due_at > now:
        reason = reason if fallback in incident.told or reason == "all_resolved" else "first"
        incident.scheduled[fallback] = Scheduled("", reason, now)
        decision.notify.append(Notify(fallback, reason, now, why))


async def give_to_others(
    connection: AsyncConnection, dialect: str, policy: Policy, receiver: str, since: Millis, now: Millis
) -> int:
    """The file holds this receiver no more: what was due for it by then is cancelled, and whom the routes name now is
    told instead. Returns how many incidents and alerts to ops that were."""
    found = await connection.execute(
        text(
            "SELECT DISTINCT incident FROM outbox WHERE receiver = :receiver AND state IN ('scheduled', 'frozen') "
            "AND first_due_at <= :since LIMIT :most"
        ),
        {"receiver": receiver, "since": since, "most": _GONE_AT_ONCE},
    )
    waiting = set(found.scalars())
    alerts = {identity for identity in waiting if is_ops(identity)}
    await ops.receiver_gone(connection, dialect, policy, alerts, receiver, now)
    incidents = await records.lock(connection, dialect, waiting - alerts, policy)
    decided = [(incident, receiver_gone(incident, receiver, policy, now)) for incident in incidents.values()]
    await pending.save_decisions(connection, dialect, decided, now)
    return len(decided) + len(alerts)
