"""Mutes: an incident whose notifications are kept back, whoever or whatever keeps them, and their release at its end.

A notification is scheduled as always; when it comes due it is looked at whether something mutes its incident, and then
it is held until that is over. So nothing that arrives is ever decided by a mute, and nothing is lost.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.incidents import records
from workers.incidents.decide import next_due
from workers.incidents.model import Decision, Event, Incident, Millis, Notify
from workers.incidents.routing import route
from workers.store.sql import text

RELEASED_AT_ONCE: Final = 200  # ours: a transaction of releases stays in the milliseconds
# Until what mutes it is over, which nobody knows: the year 9000, which every calendar and time zone can show.
UNTIL_RELEASED: Final[Millis] = 221_845_392_000_000


class Mute(NamedTuple):
    """What mutes an incident: `source` as stored, `by` for people, until when (None: until it is released), why."""

    source: str
    by: str
    until: Millis | None
    why: str


class Muted(NamedTuple):
    """As much of an incident as a silence asks for."""

    id: str
    brand: str
    scope: str


def put(
    incident: Incident,
    mute: Mute | None,
    decision: Decision,
    now: Millis,
    *,
    actor: str = "hikeshi",
    why: str = "what muted it does not cover it any more",
) -> None:
    """Note on the incident what mutes it now, or that nothing does: then what was held is due. A change is in its
    timeline."""
    if mute is None:
        if incident.mute is not None:
            incident.mute = incident.muted_by = incident.muted_until = None
            decision.events.append(Event("unmuted", why, actor))
            held = [(receiver, waiting) for receiver, waiting in incident.scheduled.items() if waiting.held == "mute"]
            decision.notify += [Notify(receiver, waiting.reason, now, why) for receiver, waiting in held]
        return
    if incident.mute != mute.source:
        decision.events.append(Event("muted", mute.why, mute.by))
    incident.mute, incident.muted_by, incident.muted_until = mute.source, mute.by, mute.until


async def mute(
    connection: AsyncConnection, dialect: str, policy: Policy, found: Mapping[str, Mute], now: Millis
) -> None:
    """Mute these incidents (id → by what). What is frozen and not delivered is withdrawn: it waits too."""
    incidents = await records.lock(connection, dialect, found, policy)
    decided = []
    for incident in incidents.values():
        if not incident.is_open or (incident.is_muted(now) and _ends_later(incident, found[incident.id])):
            continue
        decision = Decision()
        put(incident, found[incident.id], decision, now)
        why = f"muted: {found[incident.id].why}"
        decision.withdraw = dict.fromkeys(incident.frozen, why)
        decision.notify = [Notify(receiver, reason, now, why) for receiver, reason in incident.frozen.items()]
        incident.due_at = next_due(incident, route(policy, incident, now), now)
        decided.append((incident, decision))
    await records.save(connection, dialect, decided, now)


async def release(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    source: str,
    now: Millis,
    why: str,
    actor: str = "hikeshi",
) -> int:
    """What muted these incidents is over: of those still open, what was held is due now. Returns how many there were,
    at most 200; call it again while there are any."""
    skip_locked = " FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    found = await connection.execute(
        text(f"SELECT id FROM incidents WHERE mute = :source ORDER BY key LIMIT :most{skip_locked}"),
        {"source": source, "most": RELEASED_AT_ONCE},
    )
    incidents = await records.lock(connection, dialect, list(found.scalars()), policy)
    decided = []
    for incident in incidents.values():
        if incident.mute != source:
            continue
        decision = Decision()
        put(incident, None, decision, now, actor=actor, why=why)
        incident.due_at = next_due(incident, route(policy, incident, now), now)
        decided.append((incident, decision))
    await records.save(connection, dialect, decided, now)
    return len(incidents)


async def release_all(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    source: str,
    now: Millis,
    why: str,
    actor: str = "hikeshi",
) -> None:
    """As `release`, for all that nobody else holds at this moment; who does is released by the timers."""
    while await release(connection, dialect, policy, source, now, why, actor):
        pass


async def sources(connection: AsyncConnection) -> list[str]:
    """What mutes any incident."""
    found = await connection.execute(text("SELECT DISTINCT mute FROM incidents WHERE mute IS NOT NULL"))
    return sorted(found.scalars())


def _ends_later(incident: Incident, mute: Mute) -> bool:
    """Whether what mutes the incident already lasts at least as long."""
    return incident.muted_until is None or (mute.until is not None and incident.muted_until >= mute.until)
