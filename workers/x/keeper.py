"""The stream's state in the store: watermark, connects, the bill, and the lease that lets one replica stream."""

import asyncio
import hashlib
from collections.abc import Coroutine
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from sqlalchemy import text

from workers.store.store import Store
from workers.x.budget import Spent
from workers.x.ids import number_of
from workers.x.ledger import Bill, Elsewhere, Ledger
from workers.x.meter import Unsaved

_CREDENTIAL_CHARACTERS: Final = 32
_LAST_SECONDS: Final = 2.0  # ours: a transaction takes milliseconds; a store that is away must not hold up a stop
_T = TypeVar("_T")


class State(msgspec.Struct, kw_only=True):
    """What outlives a restart, as JSON. Times in milliseconds since 1970."""

    watermark: int | None = None
    connects: list[int] = []
    days: dict[str, int] = {}
    """Posts by UTC day, which the release before this one reads; the bill itself is the ledger's."""


class Loaded(NamedTuple):
    """The state, and the bill."""

    state: State
    bill: Bill


def credential_name(token: str) -> str:
    """A name for the credential that gives nothing of it away."""
    return hashlib.sha256(b"hikeshi stream " + token.encode()).hexdigest()[:_CREDENTIAL_CHARACTERS]


async def whole(transaction: Coroutine[Any, Any, _T]) -> _T:
    """Carry a transaction to its end though the caller is cancelled.

    One that is called off half-way leaves SQLite's driver waiting for ever, and the store has one connection to write.
    """
    task = asyncio.create_task(transaction)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_LAST_SECONDS)
        if task.done() and not task.cancelled():
            task.exception()  # looked at: nobody else will
        raise


class Keeper:
    """The row of one credential. `owner` names this process. Raises UnavailableError when the store is away."""

    def __init__(self, store: Store, credential: str, owner: str, lease_ms: int) -> None:
        self._store, self._credential, self._owner, self._lease_ms = store, credential, owner, lease_ms
        self._ledger = Ledger(credential, "stream")

    async def take(self, now: int) -> bool:
        """Take the lease; False while another replica holds it."""
        return await whole(self._take(now))

    async def _take(self, now: int) -> bool:
        async with self._store.write() as connection:
            found = await connection.execute(
                text(
                    "INSERT INTO stream_state (credential, owner, leased_until, state) "
                    "VALUES (:credential, :owner, :until, '{}') ON CONFLICT (credential) DO UPDATE SET "
                    "owner = excluded.owner, leased_until = excluded.leased_until "
                    "WHERE stream_state.owner = excluded.owner OR stream_state.leased_until < :now "
                    # One that ends later than any lease can was taken before the clock was put right.
                    "OR stream_state.leased_until > excluded.leased_until + :longest RETURNING owner"
                ),
                {**self._row(now), "longest": self._lease_ms},
            )
            return found.first() is not None

    async def load(self, today: str) -> Loaded:
        """What was kept."""
        return await whole(self._load(today))

    async def _load(self, today: str) -> Loaded:
        async with self._store.write() as connection:
            bill = await self._ledger.load(connection, today)
            key = {"credential": self._credential, "day": today}
            row = await connection.execute(text("SELECT state FROM stream_state WHERE credential = :credential"), key)
            kept = row.scalar()
            state = msgspec.json.decode(kept, type=State) if kept else State()
            # What the release before this one counted, which may have run until a moment ago.
            old = await connection.execute(
                text("SELECT id FROM billed_posts WHERE credential = :credential AND day = :day"), key
            )
            for row_id in old.scalars():
                bill.ids["posts"].add(number_of(row_id))
            for day, posts in state.days.items():
                kept_day = bill.days.get(day, Spent())
                if posts > kept_day.posts:
                    bill.days[day] = Spent(posts, kept_day.authors)
                    await self._ledger.write(connection, Unsaved({}, {day: bill.days[day]}))
            return Loaded(state, bill)

    async def save(
        self, state: State, unsaved: Unsaved, today: str, now: int, *, release: bool = False
    ) -> Elsewhere | None:
        """Keep the state and what was billed since, renew the lease; None, and nothing kept, if it is another's.

        One transaction: whatever a crash loses of the bill lies after the watermark kept with it, so that recovery
        reads those posts again and they are counted then. Returns what other readers of the credential were billed.
        """
        return await whole(self._save(state, unsaved, today, now, release))

    async def _save(self, state: State, unsaved: Unsaved, today: str, now: int, release: bool) -> Elsewhere | None:
        async with self._store.write() as connection:
            row = self._row(now) | {"state": msgspec.json.encode(state).decode()}
            if release:
                row["until"] = 0
            found = await connection.execute(
                text(
                    "UPDATE stream_state SET owner = :owner, leased_until = :until, state = :state "
                    "WHERE credential = :credential AND (owner = :owner OR leased_until < :now) RETURNING owner"
                ),
                row,
            )
            if found.first() is None:
                return None
            ends = await self._ledger.write(connection, unsaved)
            elsewhere = await self._ledger.elsewhere(connection, today)
        self._ledger.written(ends)
        return elsewhere

    def _row(self, now: int) -> dict[str, Any]:
        return {"credential": self._credential, "owner": self._owner, "until": now + self._lease_ms, "now": now}
