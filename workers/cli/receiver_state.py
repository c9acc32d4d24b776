"""How each receiver stands for `status`: taking, throttled, resting after failures, switched off, and why."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Receiver
from workers.dispatcher.lease import LONGEST_REST_MS
from workers.dispatcher.payload import moment
from workers.dispatcher.throttle import allowance
from workers.incidents.model import Millis
from workers.store.sql import text

_PACES: Final = "SELECT receiver, not_before, failures, off, sends FROM receivers ORDER BY receiver"
_WAITING: Final = (
    "SELECT receiver, COUNT(*) AS waiting, MAX(detail) AS detail FROM outbox "
    "WHERE state IN ('scheduled', 'frozen') AND due_at <= :horizon AND first_due_at <= :now GROUP BY receiver"
)
_UNCHANGED: Final = (
    "SELECT receiver, COUNT(*) AS unchanged FROM messages WHERE due_at IS NOT NULL AND due_at <= :now GROUP BY receiver"
)


class ReceiverState(NamedTuple):
    """One receiver. `state`: taking, throttled, resting, off. `until`: when it is tried again, if that is known."""

    receiver: str
    kind: str
    state: str
    why: str
    until: str | None
    failures: int
    waiting: int
    unchanged: int
    """Messages that stand at the provider and are still to be brought up to date."""


async def receiver_states(
    connection: AsyncConnection, receivers: Mapping[str, Receiver], now: Millis
) -> list[ReceiverState]:
    """Every receiver of the file, and those that something waits for though the file has them no more."""
    paces = {row.receiver: row for row in await connection.execute(text(_PACES))}
    at = {"now": now, "horizon": now + LONGEST_REST_MS}
    waiting = {row.receiver: row for row in await connection.execute(text(_WAITING), at)}
    unchanged = {row.receiver: row.unchanged for row in await connection.execute(text(_UNCHANGED), {"now": now})}
    names = [*receivers, *sorted((waiting.keys() | unchanged.keys()) - receivers.keys())]
    found = []
    for name in names:
        row = waiting.get(name)
        state, why, until = _state(receivers.get(name), paces.get(name), row.detail if row else None, now)
        found.append(
            ReceiverState(
                name,
                receivers[name].kind if name in receivers else "gone",
                state,
                why,
                moment(until) if until is not None else None,
                paces[name].failures if name in paces else 0,
                row.waiting if row else 0,
                unchanged.get(name, 0),
            )
        )
    return found


def _state(receiver: Receiver | None, pace: Any, detail: str | None, now: Millis) -> tuple[str, str, Millis | None]:
    if receiver is None:
        return "gone", "not in routes.yaml any more", None
    if pace is None:
        return "taking", "nothing was sent to it yet", None
    if pace.off is not None:
        return "off", str(pace.off), None
    if pace.not_before > now:
        why = detail or ("it asked for a pause" if pace.failures == 0 else f"{pace.failures} failures in a row")
        return "resting", why, pace.not_before
    sends = [at for at in msgspec.json.decode(pace.sends, type=list[int]) if at <= now]
    left = allowance(receiver.throttle, sends, now)
    if left.left == 0:
        throttle = receiver.throttle
        return "throttled", f"{throttle.count if throttle else 0} sent; what exceeds it is bundled", left.free_at
    if pace.failures > 0:
        return "taking", detail or f"{pace.failures} failures in a row; tried again", None
    return "taking", "", None
