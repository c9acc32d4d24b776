"""When the wall clock is put back: what was to wait five minutes must not wait an hour and five minutes.

Leases of acknowledgements and silences end at a time of day, so they stay as they are.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.incidents import records
from workers.incidents.decide import next_due
from workers.incidents.model import Decision, Millis
from workers.incidents.routing import route
from workers.store.sql import text

NOTICED_MS: Final = 5_000  # ours: smaller steps are what a time server does each day, and nobody misses them
_AT_ONCE: Final = 200


async def follow_clock(connection: AsyncConnection, dialect: str, policy: Policy, now: Millis) -> int:
    """Move what was decided in the future by as much as the clock was put back. Returns how many incidents and
    notifications that were; more than one dispatcher may do it, and it is done once."""
    moved = await connection.execute(
        text(
            "UPDATE outbox SET due_at = due_at - created_at + :now, first_due_at = first_due_at - created_at + :now, "
            "created_at = :now WHERE state IN ('scheduled', 'frozen') AND held IS NULL AND created_at > :limit"
        ),
        {"now": now, "limit": now + NOTICED_MS},
    )
    count = moved.rowcount
    while True:
        found = await connection.execute(
            text(
                "SELECT id FROM incidents WHERE status IN ('firing', 'acknowledged') AND updated_at > :limit "
                "ORDER BY key LIMIT :most"
            ),
            {"limit": now + NOTICED_MS, "most": _AT_ONCE},
        )
        incidents = (await records.lock(connection, dialect, list(found.scalars()), policy)).values()
        if not incidents:
            return count
        for incident in incidents:
            by = incident.updated_at - now
            incident.updated_at = now
            incident.last_post_at = min(incident.last_post_at, now)
            if incident.escalation is not None and incident.escalation.next_at is not None:
                incident.escalation.next_at -= by
            incident.due_at = next_due(incident, route(policy, incident, now), now)
        await records.save(connection, dialect, [(incident, Decision()) for incident in incidents], now)
        count += len(incidents)
