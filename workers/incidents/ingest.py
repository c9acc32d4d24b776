"""A batch of marks into the store: one transaction that moves the offsets, stores posts, counts, decides, schedules."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from config.brands import Brand, Burst
from config.routes import Policy
from schemas.mark import INFLUENCES, SEVERITIES, Mark
from schemas.mention import Mention
from workers.incidents import minutes, posts, records
from workers.incidents.auto import NEAR
from workers.incidents.burst import window_minutes
from workers.incidents.bursts import judge_bursts
from workers.incidents.decide import milliseconds, posts_arrived, resolve, spread_further
from workers.incidents.gravity import by_reach
from workers.incidents.model import KIND_WEIGHT, Decision, Desk, Incident, Millis, Post, burst_key, care_key
from workers.incidents.placing import Place, place
from workers.incidents.removal import remove
from workers.incidents.routing import route
from workers.store.offsets import swap_offsets


class Arrival(NamedTuple):
    """A mark with its mention decoded, ready to be stored.

    `late`: recovered, too old for a burst. `trace`: the W3C traceparent of its record.
    """

    mark: Mark
    mention: Mention
    created_at: Millis
    late: bool
    trace: str | None = None


class Context(NamedTuple):
    """What decisions are made by: today's policy and burst rules, the time."""

    dialect: str
    policy: Policy
    rules: Mapping[str, Burst | None]
    now: Millis
    zones: Mapping[str, str] = {}
    """The time zones of the brands whose bursts are `auto`: their rule holds only until they have a baseline."""

    def reach(self, brand: str) -> tuple[int, int]:
        """How many minutes before and after a complaint of the brand are judged with it."""
        if brand in self.zones:
            return NEAR
        rule = self.rule(brand)
        return (window_minutes(rule),) * 2 if rule is not None else (0, 0)

    def rule(self, brand: str) -> Burst | None:
        """The burst rule of a brand; one that the file no longer holds has none."""
        return self.rules.get(brand)


class Outcome(NamedTuple):
    """What a batch did: posts new to the store, incidents opened, and when the earliest notification is due."""

    stored: int
    returned: Sequence[tuple[str, str]]
    """Posts that were removed for good and came again: their records must go from the topics once more."""
    opened: Sequence[tuple[Incident, str | None]]
    """Each with the trace of the post that opened it."""
    due_at: Millis | None


class _Placed(NamedTuple):
    post: Post
    body: str
    desk: Desk | None
    spread_only: bool
    quote: bool

    @property
    def key(self) -> str:
        return f"{self.post.brand}/{self.desk}/{self.post.root}"


class _Batch(NamedTuple):
    """What a batch touches: the latest incident of each key, all incidents by id, and the posts that join each."""

    latest: dict[str, Incident]
    by_id: dict[str, Incident]
    new: dict[str, list[Post]]
    revised: dict[str, list[Post]]
    left: set[str]
    """Incidents that a revision has taken a post from."""


def context(dialect: str, policy: Policy, brands: Sequence[Brand], now: Millis) -> Context:
    """The context of a batch."""
    zones = {brand.id: brand.timezone for brand in brands if brand.burst == "auto"}
    return Context(dialect, policy, {brand.id: brand.burst_rule for brand in brands}, now, zones)


async def ingest(
    connection: AsyncConnection,
    around: Context,
    topic: str,
    swaps: Mapping[int, tuple[int | None, int]],
    arrivals: Sequence[Arrival],
    removals: Sequence[tuple[str, str]] = (),
) -> Outcome:
    """Store a polled batch. Raises FencedError when another owner has gone on in one of its partitions.

    The same marks again change nothing. `removals` are brand and id of posts whose record is null.
    """
    await swap_offsets(connection, around.dialect, topic, swaps)
    stored, opened, dues = 0, list[tuple[Incident, str | None]](), list[Millis]()
    first = await _lock_brands(connection, around.dialect, arrivals, removals)
    returned = await _returned(connection, around.dialect, arrivals)
    staying = [a for a in arrivals if (a.mention.brand, a.mention.id) not in returned] if returned else arrivals
    for part in _one_revision_each(staying):
        new, decided = await _store(connection, around, part, first)
        stored += new
        opened += [(i, d.trace) for i, d in decided if any(event.event == "opened" for event in d.events)]
        dues += [notify.due_at for _, decision in decided for notify in decision.notify]
    if removals:
        dues += await remove(connection, around.dialect, removals, around.now)
    return Outcome(stored, sorted(returned), opened, min(dues, default=None))


async def _lock_brands(
    connection: AsyncConnection, dialect: str, arrivals: Sequence[Arrival], removals: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Lock all brands of the batch, in order; returns the first arrival number of each that posts arrive at.

    Before it is asked what was removed: a removal that is under way then ends first, and its post is not let in again.
    (A brand without a row has nothing to lock: its first batch can let one in, until the post's null comes.)
    """
    if removals:
        both = {*(a.mention.brand for a in arrivals), *(brand for brand, _ in removals)}
        await posts.hold_brands(connection, dialect, both)
    if not arrivals:
        return {}
    return await posts.lock_brands(connection, dialect, Counter(a.mention.brand for a in arrivals))


async def _returned(connection: AsyncConnection, dialect: str, arrivals: Sequence[Arrival]) -> set[tuple[str, str]]:
    """Removed posts that came again, and retweets of removed posts, which are its text once more."""
    keys = {(a.mention.brand, a.mention.id): a.mention.retweet_of for a in arrivals}
    originals = {(brand, original) for (brand, _), original in keys.items() if original is not None}
    removed = await posts.which_removed(connection, dialect, {*keys, *originals})
    return {key for key, original in keys.items() if key in removed or (key[0], original) in removed}


def _one_revision_each(arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """Cut the batch so that each part holds a post once: what revisions lead to must not depend on batch borders."""
    part: dict[tuple[str, str], Arrival] = {}
    for arrival in arrivals:
        key = (arrival.mention.brand, arrival.mention.id)
        if key in part:
            if arrival.mention.revision <= part[key].mention.revision:
                continue  # the same again
            yield list(part.values())
            part = {}
        part[key] = arrival
    if part:
        yield list(part.values())


async def _store(
    connection: AsyncConnection, around: Context, arrivals: Sequence[Arrival], first: dict[str, int]
) -> tuple[int, list[tuple[Incident, Decision]]]:
    """Store posts of locked brands. `first`: the next arrival number of each, which goes on by those used."""
    dialect = around.dialect
    placed = [_place(arrival, around.policy, first) for arrival in arrivals]
    older = await posts.stored(connection, dialect, {(p.post.brand, p.post.id) for p in placed if p.post.revision > 0})
    fresh = [p for p in placed if (p.post.brand, p.post.id) not in older]
    revisions = [
        (p, old)
        for p in placed
        if (old := older.get((p.post.brand, p.post.id))) is not None and old.revision < p.post.revision
    ]
    batch = await _incidents(connection, around, placed, {old.incident for _, old in revisions if old.incident})
    for p in fresh:
        if p.desk is not None:
            p.post.incident = _joined(batch, p, around).id
    arrived = await posts.insert(connection, dialect, [p.post for p in fresh], [p.body for p in fresh])
    new = [p for p in fresh if (p.post.brand, p.post.id) in arrived]
    for p in new:
        if p.post.incident is not None:
            batch.new[p.post.incident].append(p.post)
    await _revise(connection, around, batch, revisions)
    await _count_spread(connection, dialect, batch, new)
    await _count_members(connection, dialect, batch.by_id, batch.new)
    counted = [p.post for p in new if not p.spread_only]
    became = [
        (p.post, old.kind)
        for p, old in revisions
        if p.post.kind == "complaint" and old.kind != "complaint" and not p.spread_only
    ]
    reach = {brand: around.reach(brand) for brand in first}
    complained = await minutes.count(connection, dialect, counted, became, reach)
    bursts, decided = await judge_bursts(
        connection,
        dialect,
        around.policy,
        around.rules,
        around.zones,
        batch.latest,
        complained,
        [*counted, *(post for post, _ in became)],
        around.now,
    )
    decided += [
        (incident, decision)
        for incident in batch.by_id.values()
        if (decision := _decide(incident, batch, bursts.get(incident.brand), around)) is not None
    ]
    await records.save(connection, dialect, decided, around.now)
    return len(new), decided


def _decide(incident: Incident, batch: _Batch, burst: Incident | None, around: Context) -> Decision | None:
    """What follows for an incident of the batch; None where nothing has come of it."""
    joined, revised = batch.new[incident.id], batch.revised[incident.id]
    if joined or revised:
        return posts_arrived(incident, joined, revised, around.policy, around.now, burst=burst)
    if incident.is_open and by_reach(incident) > incident.severity:
        return spread_further(incident, around.policy, around.now)
    if incident.id not in batch.left:
        return None
    if incident.post_count == 0 and incident.is_open:
        return resolve(incident, "hikeshi", "its only post moved to care", around.now)
    return Decision()


def _place(arrival: Arrival, policy: Policy, first: dict[str, int]) -> _Placed:
    mark, mention = arrival.mark, arrival.mention
    influence = INFLUENCES.index(mark.influence)
    where: Place = place(mention, mark.kind, influence, policy, mark.reasons)
    author = mention.author
    username = author.username.lower() if author and author.username else None
    post = Post(
        brand=mention.brand,
        id=mention.id,
        revision=mention.revision,
        kind=mark.kind,
        severity=SEVERITIES.index(mark.severity),
        influence=influence,
        lang=mention.lang,
        created_at=arrival.created_at,
        arrival=first[mention.brand],
        author=(author.id if author and author.id else username) or "",
        username=username,
        text_hash=minutes.text_hash(mention.text) if mark.kind == "complaint" else "",
        root=mention.root_id,
        incident=None,
        reason=where.reason,
        reasons=mark.reasons,
        trace=arrival.trace,
        late=arrival.late,
        sample=mention.sample,
    )
    first[mention.brand] += 1
    body = msgspec.json.encode(posts.Body(mention=mark.mention, reasons=mark.reasons)).decode()
    spread_only = where.desk is None and (mention.retweet_of is not None or mention.match == "source-only")
    return _Placed(post, body, where.desk, spread_only, mention.quote_of is not None)


async def _incidents(
    connection: AsyncConnection, around: Context, placed: Sequence[_Placed], before: Collection[str]
) -> _Batch:
    """Lock what the posts may join, in the order of keys: their roots' incidents, their brands' bursts, and `before`,
    the incidents of what is revised."""
    keys = {p.key for p in placed if p.desk is not None}
    keys |= {burst_key(p.post.brand) for p in placed if p.desk == "care" or p.post.revision > 0}
    keys |= {care_key(p.post.brand, p.post.root) for p in placed if p.spread_only}  # what has spread may be graver now
    latest, by_id = await records.lock_both(connection, around.dialect, keys, before, around.policy)
    return _Batch(latest, by_id, defaultdict(list), defaultdict(list), set())


def _joined(batch: _Batch, placed: _Placed, around: Context) -> Incident:
    """The incident that a post joins: its root's, unless that was over for too long; then a new one with its key."""
    post, now = placed.post, around.now
    incident = batch.latest.get(placed.key)
    if incident is not None and _is_over(incident, batch.latest.get(burst_key(post.brand)), around):
        incident = None
    if incident is None:
        assert placed.desk is not None  # noqa: S101  only placed posts are asked for
        incident = Incident(
            id=records.new_id(), key=placed.key, scope="root", brand=post.brand, desk=placed.desk, kind=post.kind,
            severity=0, influence=0, status="firing", opened_at=now, updated_at=0, last_post_at=now,
            event_at=post.created_at, is_new=True,
        )  # fmt: skip
        batch.latest[placed.key] = batch.by_id[incident.id] = incident
    return incident


def _is_over(incident: Incident, burst: Incident | None, around: Context) -> bool:
    ended = incident
    if incident.status == "merged":
        if burst is None or burst.id != incident.merged_into:
            return True  # its burst has been followed by another, so it is long over
        ended = burst
    if ended.status != "resolved" or ended.resolved_at is None:
        return False
    reopen_within = route(around.policy, incident, around.now).first.reopen_within
    return around.now - ended.resolved_at > milliseconds(reopen_within)


async def _revise(
    connection: AsyncConnection, around: Context, batch: _Batch, revisions: Sequence[tuple[_Placed, posts.Stored]]
) -> None:
    """Replace revised posts; one moves only from none or voice to care."""
    if not revisions:
        return
    for p, old in revisions:
        was = batch.by_id.get(old.incident) if old.incident else None
        p.post.created_at = old.created_at  # counted under its minute already
        if p.desk == "care" and (was is None or was.desk == "voice"):
            joined = _joined(batch, p, around)
            p.post.incident = joined.id
            batch.new[joined.id].append(p.post)
            if was is not None:
                was.post_count -= 1
                batch.left.add(was.id)
        elif was is not None:
            p.post.incident = was.id
            batch.revised[was.id].append(p.post)
            if KIND_WEIGHT[p.post.kind] < KIND_WEIGHT[was.kind]:
                p.post.reason = f"a {was.kind} before it was revised"
        elif p.desk is not None:
            p.post.reason = f"{p.post.reason}, but a revision moves a post to care alone"
    await posts.revise(connection, around.dialect, [p.post for p, _ in revisions], [p.body for p, _ in revisions])


async def _count_spread(connection: AsyncConnection, dialect: str, batch: _Batch, new: Sequence[_Placed]) -> None:
    retweets = [(p.post.brand, p.post.root) for p in new if p.spread_only and not p.quote]
    quotes = [(p.post.brand, p.post.root) for p in new if p.quote]
    for (brand, root), total in (await posts.count_spread(connection, dialect, retweets, quotes)).items():
        incident = batch.latest.get(care_key(brand, root))
        if incident is not None:
            incident.spread = total


async def _count_members(
    connection: AsyncConnection, dialect: str, incidents: Mapping[str, Incident], joined: Mapping[str, list[Post]]
) -> None:
    members = [post for found in joined.values() for post in found]
    authors = [(post.incident or "", post.author, post.username) for post in members]
    added = await posts.add_authors(connection, dialect, authors)
    for incident_id, found in joined.items():
        if found:
            incident = incidents[incident_id]
            incident.post_count += len(found)
            incident.author_count += added.get(incident_id, 0)
            incident.usernames |= {name for p in found for name in (p.author, p.username) if name}
