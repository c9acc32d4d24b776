"""A stored post becomes another kind because a person says so: its row, its minute and its incident follow.

The design's rules hold: a post that turns out to be a complaint or a question joins its root's incident at the care
desk and is told of; one that turns out to be neither leaves the care desk. A taught post never opens a burst.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from schemas.mark import KINDS, SEVERITIES, Kind
from schemas.mention import Mention
from workers.incidents import posts, records
from workers.incidents.burst import MINUTE_MS, within
from workers.incidents.decide import milliseconds, next_due, posts_arrived, reopen, resolve
from workers.incidents.minutes import complaints_in
from workers.incidents.model import KIND_WEIGHT, Decision, Event, Incident, Millis, Notify, Post, burst_key, care_key
from workers.incidents.placing import place
from workers.incidents.routing import route


class Found(NamedTuple):
    """A post as it is stored, with its mention."""

    row: Any
    body: posts.Body
    mention: Mention


class Remark(NamedTuple):
    """What a post becomes, and who says so. `note` goes in front of its reasons and `without` goes from there;
    `back_to` is the incident that it was taken from, where this takes that back."""

    kind: Kind
    severity: int
    by: str
    why: str
    note: str | None = None
    without: str | None = None
    back_to: str | None = None


async def find(connection: AsyncConnection, brand: str, post_id: str) -> Found | None:
    """The stored post; None where there is none. Lock its brand first: whoever stores posts of it does so too."""
    found = await connection.execute(
        text(
            "SELECT brand, id, revision, kind, severity, influence, lang, created_at, author, root, incident, reason, "
            "trace, body FROM posts WHERE brand = :brand AND id = :id"
        ),
        {"brand": brand, "id": post_id},
    )
    row = found.first()
    if row is None:
        return None
    body = msgspec.json.decode(row.body, type=posts.Body)
    return Found(row, body, msgspec.json.decode(body.mention, type=Mention))


async def remark(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    found: Found,
    change: Remark,
    arrival: int,
    now: Millis,
) -> None:
    """Make the stored post what the remark says, and its incident with it. The brand's row is locked by the caller."""
    row = found.row
    wanted = place(found.mention, change.kind, row.influence, policy)
    burst = burst_key(row.brand)
    ids = {one for one in (row.incident, change.back_to) if one}
    keys = {care_key(row.brand, row.root), burst}
    latest, by_id = await records.lock_both(connection, dialect, keys, ids, policy)
    was = by_id.get(row.incident) if row.incident else None
    joined = _joins(found, change, wanted.desk, was, latest, by_id, policy, now)
    post = _post(found, change, arrival, joined)
    await _write(connection, found, post, change)
    decided: list[tuple[Incident, Decision]] = []
    if was is not None and was is not joined:
        decided.append((was, await _left(connection, was, post, change, now)))
    if joined is not None:
        is_new_here = row.incident != joined.id
        decision = await _with(
            connection, dialect, joined, post, change, policy, latest.get(burst), now, is_new_here=is_new_here
        )
        decided.append((joined, decision))
    if (open_burst := latest.get(burst)) is not None and within(row.created_at, open_burst.spans):
        open_burst.post_count = await complaints_in(connection, dialect, row.brand, open_burst.spans)
        decided.append((open_burst, Decision()))
    await records.save(connection, dialect, decided, now)


def _joins(
    found: Found,
    change: Remark,
    desk: str | None,
    was: Incident | None,
    latest: dict[str, Incident],
    by_id: dict[str, Incident],
    policy: Policy,
    now: Millis,
) -> Incident | None:
    """The incident that the post is in from here: the one it was in, where the desk fits; its root's at care; none."""
    row = found.row
    if was is not None and desk is not None and (was.desk == "voice" or desk == "care") and was.desk == desk:
        return was
    if desk == "care":
        incident = latest.get(care_key(row.brand, row.root))
        if incident is not None and not _is_over(incident, policy, now):
            return incident
        return Incident(
            id=records.new_id(), key=care_key(row.brand, row.root), scope="root", brand=row.brand, desk="care",
            kind=change.kind, severity=0, influence=0, status="firing", opened_at=now, updated_at=0, last_post_at=now,
            event_at=row.created_at, is_new=True,
        )  # fmt: skip
    return by_id.get(change.back_to) if change.back_to and desk is not None else None


def _is_over(incident: Incident, policy: Policy, now: Millis) -> bool:
    """Whether it was resolved too long ago to open again."""
    reopen_within = route(policy, incident, now).first.reopen_within
    return incident.resolved_at is not None and now - incident.resolved_at > milliseconds(reopen_within)


def _post(found: Found, change: Remark, arrival: int, joined: Incident | None) -> Post:
    row, mention = found.row, found.mention
    reasons = [reason for reason in found.body.reasons if reason != change.without]
    return Post(
        brand=row.brand, id=row.id, revision=row.revision, kind=change.kind, severity=change.severity,
        influence=row.influence, lang=row.lang, created_at=row.created_at, arrival=arrival, author=row.author,
        username=mention.author.username.lower() if mention.author and mention.author.username else None,
        root=row.root, incident=joined.id if joined is not None else None, reason=change.why,
        reasons=[change.note, *reasons] if change.note else reasons, trace=row.trace, late=True, sample=mention.sample,
    )  # fmt: skip


async def _write(connection: AsyncConnection, found: Found, post: Post, change: Remark) -> None:
    """The post's row, and one more of its new kind and one less of the old in its minute, where it was counted."""
    body = msgspec.json.encode(posts.Body(mention=found.body.mention, reasons=post.reasons)).decode()
    values = {
        "brand": post.brand, "id": post.id, "kind": post.kind, "severity": post.severity, "arrival": post.arrival,
        "incident": post.incident, "reason": post.reason, "body": body,
    }  # fmt: skip
    await connection.execute(
        text(
            "UPDATE posts SET kind = :kind, severity = :severity, arrival = :arrival, incident = :incident, "
            "reason = :reason, body = :body WHERE brand = :brand AND id = :id"
        ),
        values,
    )
    spread = found.mention.retweet_of is not None or found.mention.match == "source-only"
    before, after = found.row.kind, change.kind
    if before == after or (spread and found.row.incident is None) or not {before, after} <= set(KINDS):
        return
    await connection.execute(
        text(
            f"UPDATE minutes SET {before} = {before} - 1, {after} = {after} + 1 "
            f"WHERE brand = :brand AND minute = :minute AND {before} > 0"
        ),
        {"brand": post.brand, "minute": post.created_at // MINUTE_MS},
    )


async def _with(
    connection: AsyncConnection,
    dialect: str,
    incident: Incident,
    post: Post,
    change: Remark,
    policy: Policy,
    burst: Incident | None,
    now: Millis,
    *,
    is_new_here: bool,
) -> Decision:
    """The incident that the post has joined or stays in. What makes it graver is told as a new post would be; what was
    undone is put back quietly."""
    if is_new_here:
        added = await posts.add_authors(connection, dialect, [(incident.id, post.author, post.username)])
        incident.post_count, incident.author_count = (
            incident.post_count + 1,
            incident.author_count + added.get(incident.id, 0),
        )
    was_empty = is_new_here and incident.post_count == 1
    rises = post.severity > incident.severity or KIND_WEIGHT[post.kind] > KIND_WEIGHT[incident.kind]
    if change.back_to is None and (is_new_here or rises):
        new, revised = ([post], []) if is_new_here else ([], [post])
        burst = burst if burst is not None and burst.is_open else None
        decision = posts_arrived(incident, new, revised, policy, now, burst=burst)
    elif was_empty and incident.status == "resolved":
        decision = reopen(incident, change.by, change.why, policy, now)
    else:
        decision = Decision()
    _take_over(incident, await _members(connection, incident.id))
    incident.due_at = next_due(incident, route(policy, incident, now), now)
    decision.events.append(_event(post, change))
    return decision


async def _left(connection: AsyncConnection, incident: Incident, post: Post, change: Remark, now: Millis) -> Decision:
    """The incident that the post was taken from: it is what the rest of its posts are, or over without any."""
    members = await _members(connection, incident.id)
    incident.author_count = await posts.recount_authors(connection, incident.id)
    incident.post_count = len(members)
    if not members:
        decision = resolve(incident, change.by, change.why, now) if incident.is_open else Decision()
    else:
        _take_over(incident, members)
        # What is frozen tells of the post: it is withdrawn, and made anew without it.
        decision = Decision(withdraw=dict.fromkeys(incident.frozen, change.why))
        if incident.is_open:
            again = [(receiver, r) for receiver, r in incident.frozen.items() if receiver not in incident.scheduled]
            decision.notify = [Notify(receiver, reason, now, change.why) for receiver, reason in again]
    decision.events.insert(0, _event(post, change))
    return decision


def _event(post: Post, change: Remark) -> Event:
    return Event("post_marked", f"{post.id}: {change.why}", change.by)


async def _members(connection: AsyncConnection, incident: str) -> Sequence[Any]:
    """The incident's posts, the weightiest first."""
    found = await connection.execute(
        text("SELECT kind, severity, influence, body FROM posts WHERE incident = :incident "
             "ORDER BY severity DESC, arrival"),
        {"incident": incident},
    )  # fmt: skip
    return found.all()


def _take_over(incident: Incident, members: Sequence[Any]) -> None:
    """Kind, severity, influence and reasons of an incident are those of its posts."""
    incident.kind = max((row.kind for row in members), key=KIND_WEIGHT.__getitem__)
    incident.severity = max(row.severity for row in members)
    incident.influence = max(row.influence for row in members)
    incident.reasons = records.reasons_of(members[0].body)


def severity_for(kind: Kind, before: int, wanted: str | None) -> int:
    """How severe a post is that a person calls this kind: as they say, else as it was, else medium for a complaint."""
    if wanted is not None:
        return SEVERITIES.index(wanted)
    if kind == "complaint":
        return before or SEVERITIES.index("medium")
    return 0
