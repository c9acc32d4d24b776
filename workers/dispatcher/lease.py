"""A receiver's lease and pace in the store: one replica delivers to it at a time, at a pace that outlives restarts."""

from typing import Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.model import Millis
from workers.store.sql import text

# Ours: longer than an attempt's time-out (10 s) with room for the store, so that nobody else begins while one is under
# way; a replica that died is followed after it.
LEASE_MS: Final = 20_000
LONGEST_REST_MS: Final = 3_600_000  # the contract's: a Retry-After is honoured for an hour at most


class Pace(NamedTuple):
    """What is known of a receiver that we hold the lease of. `sends`: times of the last ones, oldest first."""

    leased_until: Millis
    not_before: Millis
    failures: int
    off: str | None
    sends: list[Millis]


async def take_lease(connection: AsyncConnection, receiver: str, owner: str, now: Millis) -> Pace | None:
    """Take or renew the lease; None while another replica holds it."""
    found = await connection.execute(
        text(
            "INSERT INTO receivers (receiver, owner, leased_until, not_before, failures, sends) "
            "VALUES (:receiver, :owner, :until, 0, 0, '[]') ON CONFLICT (receiver) DO UPDATE SET "
            "owner = excluded.owner, leased_until = excluded.leased_until "
            # A lease that ends later than any lease can was taken before the clock was put right.
            "WHERE receivers.owner = excluded.owner OR receivers.leased_until < :now "
            "OR receivers.leased_until > excluded.leased_until + :longest "
            "RETURNING leased_until, not_before, failures, off, sends"
        ),
        {"receiver": receiver, "owner": owner, "until": now + LEASE_MS, "now": now, "longest": LEASE_MS},
    )
    row = found.first()
    if row is None:
        return None
    # Times of a clock that was ahead: nothing was sent in the future, and nobody may rest for longer than can be asked.
    sends = [at for at in msgspec.json.decode(row.sends) if at <= now]
    not_before = row.not_before if row.not_before <= now + LONGEST_REST_MS else 0
    return Pace(row.leased_until, not_before, row.failures, row.off, sends)


async def release_leases(connection: AsyncConnection, owner: str) -> None:
    """At a proper stop: others need not wait for the end of ours."""
    await connection.execute(text("UPDATE receivers SET leased_until = 0 WHERE owner = :owner"), {"owner": owner})


async def set_pace(
    connection: AsyncConnection, receiver: str, *, not_before: Millis, failures: int, sends: list[Millis]
) -> None:
    """Remember how the last attempt went."""
    await connection.execute(
        text(
            "UPDATE receivers SET not_before = :not_before, failures = :failures, sends = :sends "
            "WHERE receiver = :receiver"
        ),
        {
            "receiver": receiver,
            "not_before": not_before,
            "failures": failures,
            "sends": msgspec.json.encode(sends).decode(),
        },
    )


async def switch(connection: AsyncConnection, receiver: str, off: str | None, now: Millis) -> None:
    """Switch a receiver off with the reason, or (None) on again; what waits for it is kept, and tried anew."""
    await connection.execute(
        text("UPDATE receivers SET off = :off, failures = 0, not_before = 0 WHERE receiver = :receiver"),
        {"receiver": receiver, "off": off},
    )
    if off is None:
        await connection.execute(
            text(
                "UPDATE outbox SET due_at = :now, frozen_at = :now, refused_since = NULL "
                "WHERE receiver = :receiver AND state = 'frozen'"
            ),
            {"receiver": receiver, "now": now},
        )
