"""What the store says of a run: incidents opened, notifications sent, failed and still to go."""

from typing import Final, NamedTuple

from sqlalchemy import text

from workers.store.store import Store

# The contract's: repeats, reminders, escalations and digests aren't waited for. Alerts to ops are not of the source.
_PENDING: Final = (
    "SELECT COUNT(*) FROM outbox WHERE state IN ('scheduled', 'frozen', 'bundled') "
    "AND reason IN ('first', 'new_posts', 'severity_rose') AND incident NOT LIKE 'ops-%' "
    "AND held IS NULL"  # what is muted, in quiet hours or gathered for a digest goes when its time comes
)
_INCIDENTS: Final = (
    "SELECT COUNT(CASE WHEN opened_at >= :since THEN 1 END), "
    "COUNT(CASE WHEN status IN ('firing', 'acknowledged') THEN 1 END) FROM incidents"
)
_FINISHED: Final = (
    "SELECT COUNT(CASE WHEN state = 'sent' THEN 1 END), COUNT(CASE WHEN state = 'failed' THEN 1 END) "
    "FROM outbox WHERE finished_at >= :since AND incident NOT LIKE 'ops-%'"
)


class StoreState(NamedTuple):
    """`opened`, `sent` and `failed` since the run began; `open` and `pending` now."""

    opened: int
    open: int
    sent: int
    failed: int
    pending: int


async def pending_notifications(store: Store) -> int:
    """Notifications that are waited for and not yet sent."""
    async with store.read() as connection:
        return int((await connection.execute(text(_PENDING))).scalar_one())


async def store_state(store: Store, since_ms: int) -> StoreState:
    """The state, with what came since a moment."""
    async with store.read() as connection:
        incidents = (await connection.execute(text(_INCIDENTS), {"since": since_ms})).one()
        finished = (await connection.execute(text(_FINISHED), {"since": since_ms})).one()
        pending = (await connection.execute(text(_PENDING))).scalar_one()
    return StoreState(*map(int, (*incidents, *finished, pending)))
