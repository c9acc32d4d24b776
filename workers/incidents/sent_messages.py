"""Messages that stand at providers: whoever changes an incident asks here that they be changed too."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.model import Decision, Incident, Millis
from workers.store.bulk import Rows
from workers.store.sql import text

_IDS: Final = Rows.of(id="text")

# Events of a timeline after which a message that was sent says something that is no longer so.
SHOWN_EVENTS: Final = frozenset(
    {
        "acknowledged", "unacknowledged", "assigned", "resolved", "reopened", "merged", "unmerged", "severity_rose",
        "not_relevant", "post_removed",
    }
)  # fmt: skip


def changed(decided: Iterable[tuple[Incident, Decision]]) -> set[str]:
    """Those incidents whose messages no longer hold. One that is new has none."""
    return {
        incident.id
        for incident, decision in decided
        if not incident.is_new and any(event.event in SHOWN_EVENTS for event in decision.events)
    }


async def showing(connection: AsyncConnection, dialect: str, posts: Collection[str]) -> set[str]:
    """Incidents in whose messages these posts stand, be it as what a shown one answers."""
    found = await connection.execute(
        text(f"SELECT DISTINCT incident FROM {_IDS.source(dialect)} JOIN message_posts ON message_posts.post = r.id"),
        _IDS.bind(dialect, [(post,) for post in sorted(posts)]),
    )
    return set(found.scalars())


async def mark(
    connection: AsyncConnection, dialect: str, incidents: Collection[str], now: Millis, *, threads: bool = False
) -> None:
    """Ask that the messages of these incidents be changed, where their channel can; `threads`: all, not their own
    alone."""
    if not incidents:
        return
    which = "" if threads else "AND slot = 'main' "
    await connection.execute(
        text(
            f"UPDATE messages SET due_at = :now, marks = marks + 1 WHERE editable {which}"
            f"AND incident IN (SELECT r.id FROM {_IDS.source(dialect)})"
        ),
        {"now": now, **_IDS.bind(dialect, [(identity,) for identity in sorted(incidents)])},
    )
