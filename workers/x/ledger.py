"""The bill in the store: what each reader of a credential read by UTC day, and the ids of the day, packed."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from numpy.typing import NDArray
from sqlalchemy import Table, delete, text
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.store.tables import billed_posts
from workers.store.x_tables import billed_ids, x_spent
from workers.x.budget import Spent
from workers.x.ids import Ids, packed, unpacked
from workers.x.meter import KINDS, Billed, Unsaved

# The reader whose "posts" are requests for a count, which X prices as posts. Whether its own count of posts holds them
# is unknown, so they are left out where the two are compared.
COUNTS: Final = "counts"
# Ours: ids in a row of the store, 4 KB. The last row of a day is written anew each second while posts come.
_SEGMENT: Final = 512
_DAYS_KEPT: Final = 400  # ours: a year of bills and a month


class Bill(NamedTuple):
    """What is kept: this reader's days, the other readers' days together, and the ids billed today to any of them."""

    days: dict[str, Spent]
    others: dict[str, Spent]
    ids: dict[Billed, Ids]


class Elsewhere(NamedTuple):
    """What other readers of the credential did since it was last asked."""

    others: dict[str, Spent]
    ids: dict[Billed, list[NDArray[Any]]]


async def read_days(connection: AsyncConnection, credential: str, since: str = "") -> dict[str, dict[str, Spent]]:
    """By reader and UTC day, `since` that one."""
    found = await connection.execute(
        text(
            "SELECT reader, day, posts, authors FROM x_spent "
            "WHERE credential = :credential AND day >= :since ORDER BY day"
        ),
        {"credential": credential, "since": since},
    )
    days: dict[str, dict[str, Spent]] = {}
    for row in found:
        days.setdefault(row.reader, {})[row.day] = Spent(row.posts, row.authors)
    return days


class Ledger:
    """One reader's side of it: `stream`, `steward`. What it writes is the caller's transaction's."""

    def __init__(self, credential: str, reader: str) -> None:
        self._key = {"credential": credential, "reader": reader}
        self._credential, self._reader = credential, reader
        self._ends: dict[tuple[str, Billed], tuple[int, list[int]]] = {}  # the last segment of each, and what is in it
        self._seen: dict[tuple[str, str, str], int] = {}  # the last segment read of each other reader

    async def load(self, connection: AsyncConnection, today: str) -> Bill:
        """All that is kept; what is of no more use is deleted."""
        self._ends, self._seen = {}, {}
        oldest = (date.fromisoformat(today) - timedelta(days=_DAYS_KEPT)).isoformat()
        old: tuple[tuple[Table, str], ...] = ((billed_ids, today), (billed_posts, today), (x_spent, oldest))
        for table, day in old:
            await connection.execute(delete(table).where(table.c.credential == self._credential, table.c.day < day))
        by_reader = await read_days(connection, self._credential)
        ids = await self._ids_of(connection, today)
        elsewhere = await self.elsewhere(connection, today)
        sets = {kind: Ids([*ids[kind], *elsewhere.ids[kind]]) for kind in KINDS}
        return Bill(by_reader.get(self._reader, {}), elsewhere.others, sets)

    async def _ids_of(self, connection: AsyncConnection, today: str) -> dict[Billed, list[NDArray[Any]]]:
        found = await connection.execute(
            text(
                "SELECT kind, segment, ids FROM billed_ids "
                "WHERE credential = :credential AND reader = :reader AND day = :day ORDER BY segment"
            ),
            {**self._key, "day": today},
        )
        ids: dict[Billed, list[NDArray[Any]]] = {kind: [] for kind in KINDS}
        for row in found:
            ids[row.kind].append(unpacked(row.ids))
            self._ends[today, row.kind] = (row.segment, ids[row.kind][-1].tolist())
        return ids

    async def write(self, connection: AsyncConnection, unsaved: Unsaved) -> dict[tuple[str, Billed], Any]:
        """Keep these. Give what it returns to `written` once the transaction is committed."""
        if unsaved.days:
            rows = [{**self._key, "day": day, **spent._asdict()} for day, spent in unsaved.days.items()]
            await connection.execute(
                text(
                    "INSERT INTO x_spent (credential, reader, day, posts, authors) "
                    "VALUES (:credential, :reader, :day, :posts, :authors) ON CONFLICT (credential, reader, day) "
                    "DO UPDATE SET posts = excluded.posts, authors = excluded.authors"
                ),
                rows,
            )
        ends = {}
        rows = []
        for (day, kind), numbers in unsaved.ids.items():
            segment, held = self._ends.get((day, kind), (0, []))
            for place, some in enumerate(_cut([*held, *numbers]), segment):
                rows.append({**self._key, "day": day, "kind": kind, "segment": place, "ids": packed(some)})
                ends[day, kind] = (place, some)
        if rows:
            await self._forget_before(connection, min(day for day, _ in unsaved.ids))
            await connection.execute(
                text(
                    "INSERT INTO billed_ids (credential, reader, day, kind, segment, ids) "
                    "VALUES (:credential, :reader, :day, :kind, :segment, :ids) "
                    "ON CONFLICT (credential, reader, day, kind, segment) DO UPDATE SET ids = excluded.ids"
                ),
                rows,
            )
        return ends

    def written(self, ends: dict[tuple[str, Billed], Any]) -> None:
        """The transaction of this `write` is committed."""
        self._ends |= ends
        newest = max((day for day, _ in self._ends), default="")
        self._ends = {key: end for key, end in self._ends.items() if key[0] == newest}

    async def _forget_before(self, connection: AsyncConnection, day: str) -> None:
        if any(day > kept for kept, _ in self._ends):
            await connection.execute(
                text("DELETE FROM billed_ids WHERE credential = :credential AND reader = :reader AND day < :day"),
                {**self._key, "day": day},
            )

    async def elsewhere(self, connection: AsyncConnection, today: str) -> Elsewhere:
        """What the other readers did: their days, and their ids of today that are new since the last call."""
        by_reader = await read_days(connection, self._credential, since=today[:7])
        others: dict[str, Spent] = {}
        ids: dict[Billed, list[NDArray[Any]]] = {kind: [] for kind in KINDS}
        for reader, days in by_reader.items():
            if reader == self._reader:
                continue
            for day, spent in days.items():
                others[day] = others.get(day, Spent()).plus(spent)
            for kind in KINDS:
                key = (reader, today, kind)
                found = await connection.execute(
                    text(
                        "SELECT segment, ids FROM billed_ids WHERE credential = :credential AND reader = :reader "
                        "AND day = :day AND kind = :kind AND segment >= :seen ORDER BY segment"
                    ),
                    {**self._key, "reader": reader, "day": today, "kind": kind, "seen": self._seen.get(key, 0)},
                )
                for row in found:
                    ids[kind].append(unpacked(row.ids))
                    self._seen[key] = row.segment
        self._seen = {key: segment for key, segment in self._seen.items() if key[1] == today}
        return Elsewhere(others, ids)


def _cut(numbers: Sequence[int]) -> Iterable[list[int]]:
    return (list(numbers[start : start + _SEGMENT]) for start in range(0, len(numbers), _SEGMENT))
