"""A rehearsal: the real ingest, timers and freezing on a store in memory, by a clock that is a number. Nothing is sent.

Nobody acknowledges, an escalation runs once, and everything resolves after its quiet: an incident after its route's
`resolve_after` whatever its severity, a burst when it ends.
"""

import heapq
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from config.brands import Brand
from config.routes import Policy, Route
from config.steps import Escalation
from schemas.topics import MARKS
from workers.dispatcher import outbox
from workers.dispatcher.freezing import freeze
from workers.dispatcher.throttle import allowance, recent_sends
from workers.incidents import records
from workers.incidents.change import next_timer, run_timers
from workers.incidents.decide import milliseconds, resolve
from workers.incidents.holding import Hold, hold, note_mutes, release_over
from workers.incidents.ingest import Arrival, Outcome, context, ingest
from workers.incidents.links import NO_LINKS
from workers.incidents.model import Decision, Incident, Millis
from workers.incidents.mutes import UNTIL_RELEASED
from workers.incidents.routing import route
from workers.store.memory import MemoryStore
from workers.store.sql import text

_NEVER: Final = UNTIL_RELEASED


class SentIncident(msgspec.Struct):
    """An incident as its notification shows it."""

    id: str
    key: str
    scope: str
    brand: str
    kind: str
    severity: str
    post_count: int
    author_count: int


class _Body(msgspec.Struct):
    incident: SentIncident
    reason: str


class Sent(NamedTuple):
    """A notification that would have gone, and when."""

    at: Millis
    reason: str
    receiver: str
    incident: SentIncident


class Planned(NamedTuple):
    """A notification that waits: for whom, why, until when, and what would keep it back then."""

    receiver: str
    reason: str
    due_at: Millis
    why: str
    held: Hold | None


class Followed(NamedTuple):
    """What has followed from a post: why it is where it is; its incident; who speaks for that, itself or a burst."""

    reason: str
    incident: Incident | None
    speaks: Incident | None
    plans: list[Planned]


_decode: Final = msgspec.json.Decoder(_Body).decode


class Rehearsal:
    """One policy over the marks it is given in order of time; `sent` fills as it goes."""

    def __init__(self, policy: Policy, brands: Sequence[Brand]) -> None:
        self.policy = once(policy)
        self.sent: list[Sent] = []
        self.opened = 0
        self.began: dict[str, Millis] = {}
        """When each burst began: by its id, the first post of its first window."""
        self._brands = brands
        self._zones = {brand.id: brand.timezone for brand in brands}
        self._store = MemoryStore()
        self._sends: dict[str, list[Millis]] = {}
        self._quiet: list[tuple[Millis, str]] = []
        """When each open incident may have been quiet for long enough."""
        self._next: Millis = _NEVER
        self._has_mutes = bool(self.policy.campaigns or self.policy.inhibitions)

    @property
    def bursts(self) -> int:
        """How many there were."""
        return len(self.began)

    async def prepare(self) -> None:
        """What a rehearsal asks of its store and the real one never does."""
        async with self._store.write() as connection:
            await connection.execute(text("CREATE INDEX rehearsed ON incidents (updated_at)"))

    def close(self) -> None:
        """Forget everything."""
        self._store.close()

    async def arrive(self, arrivals: Sequence[Arrival], now: Millis) -> Outcome:
        """What was due by now happens first; then these marks arrive."""
        await self.pass_time(now - 1)
        async with self._store.write() as connection:
            around = context(self._store.dialect, self.policy, self._brands, now)
            outcome = await ingest(connection, around, MARKS.name, {}, arrivals)
            self.opened += len(outcome.opened)
            self.began |= {i.id: i.event_at for i, _ in outcome.opened if i.scope == "burst"}
            await self._watch(connection, now)
            self._next = await self._following(connection)
        return outcome

    async def pass_time(self, until: Millis | None = None) -> None:
        """Whatever comes due up to then; without a time: until nothing is left to come."""
        while self._next < _NEVER and (until is None or self._next <= until):
            async with self._store.write() as connection:
                now = self._next
                while await run_timers(connection, self._store.dialect, self.policy, now):
                    pass
                await self._end_quiet(connection, now)
                if self._has_mutes:
                    await release_over(connection, self._store.dialect, self.policy, now)
                for receiver in sorted((await outbox.due_receivers(connection, now))[0]):
                    await self._deliver(connection, receiver, now)
                self._next = await self._following(connection, after=now)

    async def about(self, brand: str, post_id: str, now: Millis) -> "Followed":
        """What has followed from a post that has just arrived: its incident, and what is to be told of it."""
        async with self._store.write() as connection:
            found = await connection.execute(
                text("SELECT incident, reason FROM posts WHERE brand = :brand AND id = :id"),
                {"brand": brand, "id": post_id},
            )
            post = found.first()
            if post is None:
                return Followed("not stored", None, None, [])
            if post.incident is None:
                return Followed(post.reason, None, None, [])
            incidents = await records.lock(connection, self._store.dialect, [post.incident], self.policy)
            incident = incidents[post.incident]
            tells = incident
            if incident.merged_into is not None:
                bursts = await records.lock(connection, self._store.dialect, [incident.merged_into], self.policy)
                tells = bursts[incident.merged_into]
            await note_mutes(connection, self._store.dialect, self.policy, [tells], now)
            whys = await connection.execute(
                text("SELECT receiver, why FROM outbox WHERE incident = :id AND state = 'scheduled'"), {"id": tells.id}
            )
            why = {row.receiver: row.why for row in whys}
        plans = [
            Planned(name, waiting.reason, waiting.due_at, why.get(name, ""),
                    hold(self.policy, tells, name, waiting, waiting.due_at))
            for name, waiting in sorted(tells.scheduled.items(), key=lambda one: (one[1].due_at, one[0]))
        ]  # fmt: skip
        return Followed(post.reason, incident, tells, plans)

    async def _deliver(self, connection: AsyncConnection, name: str, now: Millis) -> None:
        """As the real delivery, to a receiver that takes everything at once."""
        receiver = self.policy.receivers[name]
        while True:
            left = allowance(receiver.throttle, self._sends.get(name, ()), now).left
            if left == 0:
                return
            most = outbox.MAX_BUNDLE if left == 1 else 1
            due = await outbox.due_for(connection, name, now, most)
            if not due:
                return
            frozen = await freeze(connection, self._store.dialect, self.policy, self._zones, name, due, now, NO_LINKS)
            if frozen is None:
                continue
            await outbox.record_sent(connection, self._store.dialect, self.policy, name, frozen, now)
            self._sends[name] = recent_sends(receiver.throttle, [*self._sends.get(name, ()), now], now)
            body = _decode(frozen.body)
            self.sent.append(Sent(now, body.reason, name, body.incident))

    async def _following(self, connection: AsyncConnection, after: Millis = -1) -> Millis:
        """When something comes due next; what a throttle keeps back, when that lets it go."""
        moments = [await next_timer(connection) or _NEVER, self._quiet[0][0] if self._quiet else _NEVER]
        due = await connection.execute(
            text(
                "SELECT receiver, MIN(due_at) AS due_at FROM outbox WHERE state IN ('scheduled', 'frozen') "
                "GROUP BY receiver"
            )
        )
        for row in due:
            moment = row.due_at
            if moment <= after:
                moment = allowance(self.policy.receivers[row.receiver].throttle, self._sends.get(row.receiver, ()),
                                   after).free_at or after + 1  # fmt: skip
            moments.append(moment)
        return min(moments)

    async def _watch(self, connection: AsyncConnection, now: Millis) -> None:
        """Note when what has changed just now will have been quiet for long enough."""
        found = await connection.execute(
            text("SELECT id FROM incidents WHERE updated_at = :now AND status IN ('firing', 'acknowledged')"),
            {"now": now},
        )
        incidents = await records.lock(connection, self._store.dialect, list(found.scalars()), self.policy)
        for incident in incidents.values():
            heapq.heappush(self._quiet, (self._quiet_at(incident, now), incident.id))

    def _quiet_at(self, incident: Incident, now: Millis) -> Millis:
        if incident.scope == "burst":
            return incident.spans[-1][1] + 1
        return incident.last_post_at + milliseconds(route(self.policy, incident, now).first.resolve_after)

    async def _end_quiet(self, connection: AsyncConnection, now: Millis) -> None:
        due: set[str] = set()
        while self._quiet and self._quiet[0][0] <= now:
            due.add(heapq.heappop(self._quiet)[1])
        if not due:
            return
        decided: list[tuple[Incident, Decision]] = []
        for incident in (await records.lock(connection, self._store.dialect, due, self.policy)).values():
            if incident.is_open and self._quiet_at(incident, now) <= now:
                why = "the burst has ended" if incident.scope == "burst" else "quiet"
                decided.append((incident, resolve(incident, "hikeshi", why, now)))
        await records.save(connection, self._store.dialect, decided, now)


def once(policy: Policy) -> Policy:
    """The policy with escalations that run once: nobody acknowledges in a rehearsal."""
    return replace(policy, route=_once(policy.route), routed={})  # what routing remembers is of the other policy


def _once(node: Route) -> Route:
    escalation = node.escalation
    if escalation is not None:
        escalation = Escalation(escalation.name, escalation.steps)
    return replace(node, escalation=escalation, routes=tuple(_once(child) for child in node.routes))
