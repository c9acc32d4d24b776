"""A stage for incident tests: marks go in at a time, the store is looked at; the clock is a number."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from config.brands import Burst
from config.routes import Policy, Receiver, Route
from schemas.mark import Mark
from schemas.mention import Author, Mention, rfc3339
from workers.incidents import ingest, records
from workers.incidents.decide import milliseconds
from workers.incidents.model import Incident
from workers.store import Store

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TOPIC = "hikeshi.marks.v1"
_numbers = itertools.count(1)


def at(seconds: float = 0, *, minutes: float = 0, hours: float = 0) -> datetime:
    """A moment of the test: so long after its start, three in the morning."""
    return START + timedelta(seconds=seconds, minutes=minutes, hours=hours)


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def policy(*, receivers: tuple[str, ...] = ("desk",), routes: tuple[Route, ...] = (), **pace: Any) -> Policy:
    names = {*receivers, *(name for route in routes for name in route.receivers)}
    return Policy({n: Receiver(n, "console") for n in names}, Route(receivers, routes=routes, **pace))


def arrival(
    text: str = "アクメの充電器が壊れた",
    *,
    created: datetime = START,
    kind: str = "complaint",
    severity: str = "medium",
    influence: str = "none",
    author: str | None = None,
    id: str | None = None,
    late: bool = False,
    brand: str = "acme",
    **mention: Any,
) -> ingest.Arrival:
    """A mark; each one is another post by another author unless said otherwise."""
    number = next(_numbers)
    post_id = id or str(1_900_000_000_000_000_000 + number)
    who = author or f"user{number}"
    post = Mention(
        id=post_id, brand=brand, text=text, lang=mention.pop("lang", "ja"), created_at=rfc3339(created),
        author=None if author == "" else Author(id=who, username=who, name=who, followers=10), **mention,
    )  # fmt: skip
    mark = Mark(
        mention=msgspec.Raw(msgspec.json.encode(post)), kind=kind, severity=severity, influence=influence,
        reasons=[f"says: {text[:20]}"],
    )  # fmt: skip
    return ingest.Arrival(mark, post, ms(created), late)


class Scene:
    """A store, a policy and the offset of the one partition that everything comes from."""

    def __init__(self, store: Store, **pace: Any) -> None:
        self.store, self.policy, self.offset = store, policy(**pace), None
        self.rules: dict[str, Burst | None] = {"acme": Burst(authors=20, within=timedelta(minutes=10))}

    async def arrive(self, *arrivals: ingest.Arrival, now: datetime = START, removals: Any = ()) -> ingest.Outcome:
        around = ingest.Context(self.store.dialect, self.policy, self.rules, ms(now))
        following = (self.offset or 0) + len(arrivals) + len(removals)
        async with self.store.write() as connection:
            done = await ingest.ingest(connection, around, TOPIC, {0: (self.offset, following)}, arrivals, removals)
        self.offset = following
        return done

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.store.read() as connection:
            return list((await connection.execute(text(statement), values)).all())

    async def incident(self, key: str) -> Incident:
        async with self.store.write() as connection:
            return (await records.lock_latest(connection, self.store.dialect, {key}))[key]

    async def incidents(self) -> dict[str, str]:
        """Key -> status."""
        return {row.key: row.status for row in await self.rows("SELECT key, status FROM incidents WHERE latest")}

    async def pending(self, incident: str) -> list[tuple[str, str, float]]:
        """What is scheduled for an incident: receiver, reason, seconds after the start."""
        found = await self.rows(
            "SELECT receiver, reason, due_at FROM outbox WHERE state = 'scheduled' AND incident = :incident ORDER BY 1",
            incident=incident,
        )
        return [(row.receiver, row.reason, (row.due_at - ms(START)) / 1000) for row in found]

    async def told(self, incident: Incident, receiver: str, now: datetime) -> None:
        """As if the pending notification had been delivered at this time."""
        async with self.store.write() as connection:
            values = {"i": incident.id, "r": receiver, "at": ms(now), "s": incident.severity}
            await connection.execute(text("DELETE FROM outbox WHERE incident = :i AND receiver = :r"), values)
            await connection.execute(
                text(
                    "INSERT INTO told (incident, receiver, told_at, arrival, severity) "
                    "VALUES (:i, :r, :at, 1000000, :s) "
                    "ON CONFLICT (incident, receiver) DO UPDATE SET told_at = :at, severity = :s"
                ),
                values,
            )


__all__ = ["START", "Scene", "arrival", "at", "milliseconds", "ms", "policy"]
