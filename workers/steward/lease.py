"""The steward's rows in the store: which replica does its work, and where each of its tasks stands."""

from typing import Final, TypeVar

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.model import Millis

LEASE_MS: Final = 30_000  # ours: after so long another replica follows one that died
_STAGE: Final = "steward"
_T = TypeVar("_T", bound=msgspec.Struct)


async def take_lease(connection: AsyncConnection, owner: str, now: Millis) -> bool:
    """Take or renew the lease; False while another replica holds it."""
    found = await connection.execute(
        text(
            "INSERT INTO stage_leases (stage, owner, leased_until) VALUES (:stage, :owner, :until) "
            "ON CONFLICT (stage) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until "
            # One that ends later than any lease can was taken before the clock was put right.
            "WHERE stage_leases.owner = excluded.owner OR stage_leases.leased_until < :now "
            "OR stage_leases.leased_until > excluded.leased_until + :longest RETURNING owner"
        ),
        {"stage": _STAGE, "owner": owner, "until": now + LEASE_MS, "now": now, "longest": LEASE_MS},
    )
    return found.first() is not None


async def release_lease(connection: AsyncConnection, owner: str) -> None:
    """At a proper stop: another need not wait for its end."""
    await connection.execute(
        text("UPDATE stage_leases SET leased_until = 0 WHERE stage = :stage AND owner = :owner"),
        {"stage": _STAGE, "owner": owner},
    )


async def read_state(connection: AsyncConnection, name: str, kind: type[_T]) -> _T | None:
    """Where a task stands; None before it ever ran."""
    found = await connection.execute(text("SELECT state FROM steward_state WHERE name = :name"), {"name": name})
    kept = found.scalar()
    return msgspec.json.decode(kept, type=kind) if kept else None


async def save_state(connection: AsyncConnection, name: str, state: msgspec.Struct) -> None:
    """Keep where a task stands."""
    await connection.execute(
        text(
            "INSERT INTO steward_state (name, state) VALUES (:name, :state) "
            "ON CONFLICT (name) DO UPDATE SET state = excluded.state"
        ),
        {"name": name, "state": msgspec.json.encode(state).decode()},
    )
