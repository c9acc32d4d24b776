"""Changes that a person or a timer makes: the same decisions under the same row lock, whoever asks."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from schemas.errors import ConfigurationError
from workers.incidents import records
from workers.incidents.decide import ACKNOWLEDGE, acknowledge, milliseconds, resolve, time_passed
from workers.incidents.model import Decision, Incident, Millis

TIMERS_AT_ONCE = 200  # ours: a transaction of timers stays in the milliseconds


def to_millis(moment: datetime) -> Millis:
    """A moment in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


async def acknowledge_by_hand(
    connection: AsyncConnection,
    dialect: str,
    ids: Collection[str],
    actor: str,
    reason: str,
    policy: Policy,
    now: datetime,
    lease: timedelta = ACKNOWLEDGE,
) -> list[Incident]:
    """Take these incidents until the lease ends. Raises ConfigurationError for one that is not open."""
    found = await _open_ones(connection, dialect, ids, policy)
    at = to_millis(now)
    until = at + milliseconds(lease)
    decided = [(i, acknowledge(i, actor, reason, until, policy, at)) for i in found]
    await records.save(connection, dialect, decided, at)
    return found


async def resolve_by_hand(
    connection: AsyncConnection, dialect: str, ids: Collection[str], actor: str, reason: str, now: datetime
) -> list[Incident]:
    """These incidents are over. Raises ConfigurationError for one that is not open."""
    found = await _open_ones(connection, dialect, ids)
    at = to_millis(now)
    await records.save(connection, dialect, [(i, resolve(i, actor, reason, at)) for i in found], at)
    return found


async def timers_due(connection: AsyncConnection, now: Millis) -> bool:
    """Whether any incident's time has come: asked first, so that an idle look takes no write lock."""
    found = await connection.execute(text("SELECT 1 FROM incidents WHERE due_at <= :now LIMIT 1"), {"now": now})
    return found.first() is not None


async def run_timers(connection: AsyncConnection, dialect: str, policy: Policy, now: Millis) -> Sequence[Incident]:
    """Look at incidents whose time has come, at most 200; any dispatcher may, and none does it twice."""
    skip_locked = " FOR UPDATE SKIP LOCKED" if dialect == "postgresql" else ""
    due = await connection.execute(
        text(f"SELECT id FROM incidents WHERE due_at <= :now ORDER BY due_at LIMIT :most{skip_locked}"),
        {"now": now, "most": TIMERS_AT_ONCE},
    )
    found = await records.lock(connection, dialect, list(due.scalars()), policy)
    decided: list[tuple[Incident, Decision]] = [(i, time_passed(i, policy, now)) for i in found.values()]
    await records.save(connection, dialect, decided, now)
    return list(found.values())


async def _open_ones(
    connection: AsyncConnection, dialect: str, ids: Collection[str], policy: Policy | None = None
) -> list[Incident]:
    found = await records.lock(connection, dialect, ids, policy)
    faults = [f"{wanted}: no such incident; see `hikeshi incidents list`" for wanted in ids if wanted not in found]
    for incident in found.values():
        if incident.status == "merged":
            faults.append(f"{incident.id}: merged into {incident.merged_into}; take that one instead")
        elif not incident.is_open:
            faults.append(f"{incident.id}: is {incident.status} already")
    if faults:
        raise ConfigurationError("\n".join(faults))
    return list(found.values())
