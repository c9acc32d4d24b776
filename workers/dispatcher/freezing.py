"""Freezing: a notification's bytes are fixed under its incidents' locks, before the first attempt to send it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.dispatcher.enriching import NO_CONTEXT, Context, enriched, is_for_people
from workers.dispatcher.ops_freezing import freeze_ops
from workers.dispatcher.outbox import Due, Frozen, Style, Tells, read_frozen
from workers.dispatcher.payload import MAX_POSTS, ShownPost, encoded, notification, shown_post
from workers.incidents import pending, records
from workers.incidents.decide import ask_again, still_wanted, told_as
from workers.incidents.holding import hold, note_mutes
from workers.incidents.links import LinkMaker
from workers.incidents.model import Decision, Incident, Millis, Notify, Reason
from workers.incidents.ops import is_ops
from workers.incidents.routing import route
from workers.store.bulk import Rows
from workers.store.membership import belonging_to
from workers.store.sql import text

_BUNDLED = Rows.of(id="text")


class _Wanted(NamedTuple):
    """A notification that is still wanted: its new posts to show, how many there are, the last arrival of them."""

    id: str
    incident: Incident
    reason: Reason
    posts: list[ShownPost]
    new_posts: int
    arrival: int


async def freeze(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    zones: Mapping[str, str],
    receiver: str,
    dues: Sequence[Due],
    now: Millis,
    links: LinkMaker,
    context: Context = NO_CONTEXT,
) -> Frozen | None:
    """Fix the bytes of the first notification, with the others bundled into it; None when none is wanted any more.

    What is frozen already is returned as it is: the same key never has two bodies. `zones`: the brands' time zones.
    `context`: what people are told beside the payload.
    """
    if dues[0].state == "frozen":
        return await read_frozen(connection, dues[0].id)
    if is_ops(dues[0].incident):
        return await freeze_ops(connection, dialect, policy, receiver, dues[0], now)
    incidents = await records.lock(connection, dialect, {due.incident for due in dues}, policy)
    await note_mutes(connection, dialect, policy, list(incidents.values()), now)
    wanted: list[_Wanted] = []
    unwanted: list[tuple[Incident, Decision]] = []
    for due in dues:
        incident = incidents.get(due.incident)
        # What was read before the lock may have been cancelled, or scheduled anew for something else.
        scheduled = incident.scheduled.get(receiver) if incident is not None else None
        if incident is None or scheduled is None or scheduled.id != due.id or scheduled.due_at > now:
            continue
        told = incident.told.get(receiver)
        since = told.arrival if told else -1
        most = MAX_POSTS if not wanted or due.is_gathered else 1
        posts, count, arrival = await _new_posts(connection, dialect, incident, since, most)
        why_not = still_wanted(incident, receiver, scheduled.reason, count)
        held = hold(policy, incident, receiver, scheduled, now) if why_not is None else None
        if held is not None:
            waits = Notify(receiver, scheduled.reason, held.until, held.why, held.held)
            unwanted.append((incident, Decision(notify=[waits])))
            continue
        if why_not is None:
            reason = told_as(incident, receiver, scheduled.reason)
            wanted.append(_Wanted(due.id, incident, reason, posts, count, max(arrival, since)))
            continue
        del incident.scheduled[receiver]
        decision = ask_again(incident, receiver, policy, now) if told else Decision()
        decision.cancel[receiver] = why_not
        unwanted.append((incident, decision))
    await pending.save_decisions(connection, dialect, unwanted, now)
    if not wanted:
        return None
    if dues[0].is_gathered:  # a digest is read by itself: it shows what it can of all its incidents
        gathered = [post for one in wanted for post in one.posts]
        wanted[0] = wanted[0]._replace(posts=gathered[:MAX_POSTS])
    trace = next(due.trace for due in dues if due.id == wanted[0].id)
    style = _style(policy, zones, wanted[0].incident, receiver, now)
    body = await _body(connection, dialect, policy, receiver, wanted, style, now, links, context)
    return await _write(connection, dialect, wanted, body, style, trace, now)


def _style(policy: Policy, zones: Mapping[str, str], incident: Incident, receiver: str, now: Millis) -> Style:
    """As the incident's route says; a route that says nothing of a zone has the times where the brand's people are."""
    routed = route(policy, incident, now)
    pace = routed.receivers.get(receiver, routed.first)
    return Style(pace.language, pace.timezone if pace.timezone != "UTC" else zones.get(incident.brand, "UTC"))


async def _body(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    receiver: str,
    wanted: list[_Wanted],
    style: Style,
    now: Millis,
    links: LinkMaker,
    context: Context,
) -> bytes:
    """The bytes: a program gets the contract's payload, people get more."""
    main = wanted[0]
    others = {other.incident.id: other.new_posts for other in wanted[1:]}
    signed = links.links(main.incident.id, datetime.fromtimestamp(now / 1000, UTC))
    shown = notification(main.incident, main.reason, receiver, main.posts, main.new_posts, others, signed)
    reader = policy.receivers.get(receiver)
    if reader is not None and is_for_people(reader.kind):
        shown = await enriched(connection, dialect, shown, main.incident, context, style.language)
    return encoded(shown)


async def _write(
    connection: AsyncConnection,
    dialect: str,
    wanted: list[_Wanted],
    body: bytes,
    style: Style,
    trace: str | None,
    now: Millis,
) -> Frozen:
    main = wanted[0]
    tells = [Tells(w.incident.id, w.reason, w.arrival, w.incident.severity) for w in wanted]
    row = await connection.execute(
        text(
            "UPDATE outbox SET state = 'frozen', frozen_at = :now, body = :body, told = :told, reason = :reason, "
            "language = :language, timezone = :timezone WHERE id = :id AND state = 'scheduled' "
            "RETURNING attempts, first_due_at"
        ),
        {
            "id": main.id,
            "now": now,
            "body": body.decode(),
            "told": msgspec.json.encode(tells).decode(),
            "reason": main.reason,
            **style._asdict(),
        },
    )
    attempts, first_due_at = row.one()
    if len(wanted) > 1:
        await connection.execute(
            text(
                f"UPDATE outbox SET state = 'bundled', frozen_at = :now, carrier = :carrier "
                f"FROM {_BUNDLED.source(dialect)} WHERE outbox.id = r.id"
            ),
            {"now": now, "carrier": main.id, **_BUNDLED.bind(dialect, [(w.id,) for w in wanted[1:]])},
        )
    return Frozen(main.id, body, style, trace, tells, attempts, first_due_at, now, None)


async def _new_posts(
    connection: AsyncConnection, dialect: str, incident: Incident, told: int, most: int
) -> tuple[list[ShownPost], int, int]:
    """The posts since that arrival, the weightiest first and so many at most; how many there are; the last arrival."""
    condition, values = belonging_to(dialect, incident.scope, incident.id, incident.brand, incident.spans)
    found = await connection.execute(
        text(
            "SELECT body, COUNT(*) OVER () AS posts, MAX(arrival) OVER () AS last FROM posts "
            f"WHERE {condition} AND arrival > :told ORDER BY severity DESC, influence DESC, created_at, id LIMIT :most"
        ),
        {**values, "told": told, "most": most},
    )
    rows = found.all()
    return [shown_post(row.body) for row in rows], rows[0].posts if rows else 0, rows[0].last if rows else -1
