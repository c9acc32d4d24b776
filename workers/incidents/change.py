"""Changes that a person or a timer makes: the same decisions under the same row lock, whoever asks.

Each takes the ids of the incidents that it changes, all of them or none, and returns them as they are afterwards.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from schemas.errors import ConfigurationError
from workers.incidents import decide, records, silences
from workers.incidents.decide import milliseconds, time_passed
from workers.incidents.escalation import asks_for
from workers.incidents.model import Decision, Event, Incident, Millis
from workers.incidents.routing import route
from workers.incidents.silences import Covers, Silence
from workers.store.membership import belonging_to
from workers.store.sql import text

TIMERS_AT_ONCE = 200  # ours: a transaction of timers stays in the milliseconds


class ChangeRefusedError(ConfigurationError):
    """An incident is not there, or not in a state that can be changed so. `incidents`: id → why not."""

    def __init__(self, incidents: Mapping[str, str]) -> None:
        self.incidents = dict(incidents)
        super().__init__("\n".join(f"{identity}: {why}" for identity, why in incidents.items()))


def to_millis(moment: datetime) -> Millis:
    """A moment in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


async def acknowledge(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    incident_ids: Collection[str],
    *,
    by: str,
    reason: str,
    now: Millis,
    lease: timedelta | None = None,
) -> list[Incident]:
    """Take these incidents until the lease ends (unless said: what their route says): a reminder before, then they are
    firing again. Raises ChangeRefusedError for one that is not open."""

    def decided(incident: Incident) -> Decision:
        held = lease if lease is not None else route(policy, incident, now).first.acknowledge_for
        return decide.acknowledge(incident, by, reason, now + milliseconds(held), policy, now)

    return await _change(connection, dialect, policy, incident_ids, now, _why_not_open, decided)


async def resolve(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    incident_ids: Collection[str],
    *,
    by: str,
    reason: str,
    now: Millis,
) -> list[Incident]:
    """These incidents are over: everybody who was told of one is told. Raises ChangeRefusedError if not open."""
    return await _change(
        connection, dialect, policy, incident_ids, now, _why_not_open, lambda i: decide.resolve(i, by, reason, now)
    )


async def not_relevant(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    incident_ids: Collection[str],
    *,
    by: str,
    reason: str,
    now: Millis,
) -> list[Incident]:
    """These incidents are not about the brand, or are none: noted as such, and over. What the classifier is to learn
    from it is told it by `teaching`. Raises ChangeRefusedError if not open."""

    def decided(incident: Incident) -> Decision:
        decision = decide.resolve(incident, by, reason or "not relevant", now)
        decision.events.insert(0, Event("not_relevant", reason, by))
        return decision

    return await _change(connection, dialect, policy, incident_ids, now, _why_not_open, decided)


async def reopen(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    incident_ids: Collection[str],
    *,
    by: str,
    reason: str,
    now: Millis,
) -> list[Incident]:
    """These resolved incidents are not over: told again, escalated anew. Raises ChangeRefusedError if not resolved, or
    if another with the same key has been opened since."""
    newer = await _followed(connection, incident_ids)

    def why_not(incident: Incident) -> str | None:
        if incident.status != "resolved":
            return f"is {incident.status}, not resolved"
        follower = newer.get(incident.id)
        return f"its conversation went on as {follower}; take that one instead" if follower else None

    return await _change(
        connection, dialect, policy, incident_ids, now, why_not, lambda i: decide.reopen(i, by, reason, policy, now)
    )


async def assign(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    incident_ids: Collection[str],
    *,
    to: str | None,
    by: str,
    reason: str,
    now: Millis,
) -> list[Incident]:
    """Whose these incidents are (None: nobody's any more). It acknowledges nothing. Raises ChangeRefusedError if not
    open."""

    def decided(incident: Incident) -> Decision:
        incident.assignee, incident.updated_at = to, now
        said = f"to {to}" if to is not None else "to nobody"
        return Decision(events=[Event("assigned", f"{said}: {reason}" if reason else said, by)])

    return await _change(connection, dialect, policy, incident_ids, now, _why_not_open, decided)


async def note(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    incident_ids: Collection[str],
    *,
    by: str,
    text: str,
    now: Millis,
) -> list[Incident]:
    """A remark in the timelines of these incidents, open or not."""

    def decided(incident: Incident) -> Decision:
        incident.updated_at = max(incident.updated_at, now)
        return Decision(events=[Event("noted", text, by)])

    return await _change(connection, dialect, policy, incident_ids, now, lambda _: None, decided)


async def mute(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    incident_ids: Collection[str],
    *,
    by: str,
    reason: str,
    now: Millis,
    duration: timedelta,
) -> list[Silence]:
    """Keep the notifications of these incidents back for so long: a silence for each. Raises ChangeRefusedError for
    one that is not open."""
    await _locked(connection, dialect, policy, incident_ids, _why_not_open)
    return [
        await silences.add(
            connection, dialect, policy, Covers(incident=identity), by=by, reason=reason, now=now, duration=duration
        )
        for identity in incident_ids
    ]


async def next_timer(connection: AsyncConnection) -> Millis | None:
    """When the next incident's time comes: asked first, so that an idle look takes no write lock."""
    found = await connection.execute(text("SELECT MIN(due_at) FROM incidents WHERE due_at IS NOT NULL"))
    moment: Millis | None = found.scalar()
    return moment


async def run_timers(connection: AsyncConnection, dialect: str, policy: Policy, now: Millis) -> Sequence[Incident]:
    """Look at incidents whose time has come, at most 200; any dispatcher may, and none does it twice."""
    skip_locked = " FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    due = await connection.execute(
        text(f"SELECT id FROM incidents WHERE due_at <= :now ORDER BY due_at LIMIT :most{skip_locked}"),
        {"now": now, "most": TIMERS_AT_ONCE},
    )
    found = await records.lock(connection, dialect, list(due.scalars()), policy)
    decided = [(i, time_passed(i, policy, now, await _counts(connection, dialect, i, now))) for i in found.values()]
    await records.save(connection, dialect, decided, now)
    return list(found.values())


async def _counts(connection: AsyncConnection, dialect: str, incident: Incident, now: Millis) -> dict[timedelta, int]:
    """The posts that its escalation may ask for."""
    counts = {}
    for within in asks_for(incident):
        condition, values = belonging_to(dialect, incident.scope, incident.id, incident.brand, incident.spans)
        found = await connection.execute(
            text(f"SELECT COUNT(*) FROM posts WHERE {condition} AND created_at > :since"),
            {**values, "since": now - milliseconds(within)},
        )
        counts[within] = int(found.scalar_one())
    return counts


async def _change(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    ids: Collection[str],
    now: Millis,
    why_not: Callable[[Incident], str | None],
    decided: Callable[[Incident], Decision],
) -> list[Incident]:
    found = await _locked(connection, dialect, policy, ids, why_not)
    await records.save(connection, dialect, [(incident, decided(incident)) for incident in found], now)
    return found


async def _locked(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    ids: Collection[str],
    why_not: Callable[[Incident], str | None],
) -> list[Incident]:
    """These incidents, locked in the order of keys, so that two who change the same ones never wait in a circle."""
    found = await records.lock(connection, dialect, set(ids), policy)
    refused = {wanted: "no such incident; see `hikeshi incidents list`" for wanted in ids if wanted not in found}
    refused |= {incident.id: why for incident in found.values() if (why := why_not(incident)) is not None}
    if refused:
        raise ChangeRefusedError(refused)
    return list(found.values())


def _why_not_open(incident: Incident) -> str | None:
    if incident.status == "merged":
        return f"merged into {incident.merged_into}; take that one instead"
    return None if incident.is_open else f"is {incident.status} already"


async def _followed(connection: AsyncConnection, ids: Collection[str]) -> dict[str, str]:
    """Those of these incidents whose key has a newer incident, with that one's id."""
    newer = {}
    for identity in ids:
        found = await connection.execute(
            text(
                "SELECT n.id FROM incidents o JOIN incidents n ON n.key = o.key AND n.latest "
                "WHERE o.id = :id AND NOT o.latest"
            ),
            {"id": identity},
        )
        if (follower := found.scalar()) is not None:
            newer[identity] = follower
    return newer
