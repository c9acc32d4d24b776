"""Whether a notification that is due may go now, or is held: muted, in quiet hours, or for a digest."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Inhibition, Match, Policy
from config.times import end_of
from schemas.mark import INFLUENCES, SEVERITIES
from workers.incidents import mutes, records, silences
from workers.incidents.decide import next_due
from workers.incidents.model import CRITICAL, Decision, Held, Incident, Millis, Reason, Scheduled
from workers.incidents.mutes import UNTIL_RELEASED, Mute, Muted
from workers.incidents.routing import holds, matches, route
from workers.store.sql import text

# What a person has to know at once, or has asked for by name, waits for no time of day.
_NEVER_HELD: Final[frozenset[Reason]] = frozenset({"escalation", "reminder"})


class Hold(NamedTuple):
    """Why it waits, until when, in words."""

    held: Held
    until: Millis
    why: str


def hold(policy: Policy, incident: Incident, receiver: str, waiting: Scheduled, now: Millis) -> Hold | None:
    """Whether this notification, which is due, waits; None to send it."""
    if incident.is_muted(now):
        until = incident.muted_until if incident.muted_until is not None else UNTIL_RELEASED
        return Hold("mute", until, f"muted by {incident.muted_by}")
    if waiting.reason in _NEVER_HELD or _is_escalation(incident, receiver, waiting) or incident.severity >= CRITICAL:
        return None
    routed = route(policy, incident, now)
    pace = routed.receivers.get(receiver, routed.first)
    moment = datetime.fromtimestamp(now / 1000, UTC)
    if pace.digest is not None:  # it has a time of its own, whatever hours are quiet
        if waiting.held == "digest":
            return None
        return Hold("digest", _millis(pace.digest.next_after(moment)), "gathered for the digest")
    if pace.quiet_hours and holds(pace.quiet_hours, now):
        return Hold("quiet", _millis(end_of(pace.quiet_hours, moment)), "quiet hours")
    return None


def _is_escalation(incident: Incident, receiver: str, waiting: Scheduled) -> bool:
    """Whether a step of the escalation counts as done by it."""
    state = incident.escalation
    return waiting.reason == "first" and state is not None and receiver in state.by_route


async def note_mutes(
    connection: AsyncConnection, dialect: str, policy: Policy, incidents: Sequence[Incident], now: Millis
) -> None:
    """Look what mutes these locked incidents now, and note what has changed."""
    found = await _muted(connection, dialect, policy, incidents, now)
    changed = []
    for incident in incidents:
        mute = found.get(incident.id)
        if mute is None and incident.mute is None:
            continue
        decision = Decision()
        before = (incident.mute, incident.muted_until)
        mutes.put(incident, mute, decision, now)
        if (incident.mute, incident.muted_until) != before:
            incident.due_at = next_due(incident, route(policy, incident, now), now)
            changed.append((incident, decision))
    await records.save(connection, dialect, changed, now)


async def over(connection: AsyncConnection, policy: Policy, source: str, now: Millis) -> str | None:
    """Why what has muted incidents holds no more; None while it does."""
    kind, _, name = source.partition(":")
    if kind == "campaign":
        running = any(c.name == name and c.holds(datetime.fromtimestamp(now / 1000, UTC)) for c in policy.campaigns)
        return None if running else "the campaign is over"
    if kind == "silence":
        found = await connection.execute(
            text("SELECT 1 FROM silences WHERE id = :id AND ended_at IS NULL AND ends_at > :now"),
            {"id": name, "now": now},
        )
        return None if found.first() is not None else "the silence is over"
    for inhibition in policy.inhibitions:
        conditions, values = _asked(inhibition.while_open)
        found = await connection.execute(
            text(
                "SELECT 1 FROM incidents WHERE id = :id AND status IN ('firing', 'acknowledged') "
                f"AND mute IS NULL{conditions}"
            ),
            {"id": name, **values},
        )
        if found.first() is not None:
            return None
    return f"incident {name} is over, kept back itself, or nothing is kept back for it any more"


async def mutes_over(connection: AsyncConnection, policy: Policy, now: Millis) -> bool:
    """Whether `release_over` has something to do: asked first, so that an idle look takes no write lock."""
    for source in await mutes.sources(connection):
        if await over(connection, policy, source, now) is not None:
            return True
    return False


async def release_over(connection: AsyncConnection, dialect: str, policy: Policy, now: Millis) -> int:
    """Release incidents whose mute is over. Returns how many, at most 200 for each mute."""
    released = 0
    for source in await mutes.sources(connection):
        why = await over(connection, policy, source, now)
        if why is not None:
            released += await mutes.release(connection, dialect, policy, source, now, why)
    return released


async def _muted(
    connection: AsyncConnection, dialect: str, policy: Policy, incidents: Sequence[Incident], now: Millis
) -> dict[str, Mute]:
    """By incident, what mutes it: a silence before a campaign, that before another incident."""
    found: dict[str, Mute] = {}
    for incident in incidents:
        for inhibition in policy.inhibitions:
            if incident.id not in found and matches(inhibition.mutes, incident, now):
                source = await _inhibitor(connection, inhibition, incident)
                if source is not None:
                    why = f"incident {source} of {incident.brand} is open"
                    found[incident.id] = Mute(f"incident:{source}", f"incident {source}", None, why)
        for campaign in policy.campaigns:
            if campaign.holds(datetime.fromtimestamp(now / 1000, UTC)) and matches(campaign.match, incident, now):
                until = _millis(campaign.end)
                found[incident.id] = Mute(
                    f"campaign:{campaign.name}", f"campaign {campaign.name}", until, "expected in this campaign"
                )
    active = await silences.listed(connection, now=now)
    if active:
        light = [Muted(incident.id, incident.brand, incident.scope) for incident in incidents]
        covered = await silences.covered(connection, dialect, active, light)
        found |= {incident: silence.as_mute() for incident, silence in covered.items()}
    return found


async def _inhibitor(connection: AsyncConnection, inhibition: Inhibition, incident: Incident) -> str | None:
    """An open incident of the same brand that keeps this one back; never one that is kept back itself."""
    conditions, values = _asked(inhibition.while_open)
    for status in ("firing", "acknowledged"):  # one after the other: each has an index of its own
        found = await connection.execute(
            text(
                f"SELECT id FROM incidents WHERE brand = :brand AND id <> :id AND status = '{status}' "
                f"AND mute IS NULL{conditions} ORDER BY opened_at LIMIT 1"
            ),
            {"brand": incident.brand, "id": incident.id, **values},
        )
        if (identity := found.scalar()) is not None:
            return str(identity)
    return None


def _asked(match: Match) -> tuple[str, dict[str, str | int]]:
    """What an inhibition asks of the incident that keeps others back, as conditions on its row."""
    conditions, values = "", dict[str, str | int]()
    asked: list[tuple[str, Sequence[str | int]]] = [
        ("scope", sorted(match.scope)),
        ("kind", sorted(match.kind)),
        ("severity", [SEVERITIES.index(name) for name in sorted(match.severity)]),
        ("influence", [INFLUENCES.index(name) for name in sorted(match.influence)]),
    ]
    for column, wanted in asked:
        if wanted:
            names = [f"{column}_{place}" for place in range(len(wanted))]
            conditions += f" AND {column} IN ({', '.join(f':{name}' for name in names)})"
            values |= dict(zip(names, wanted, strict=True))
    return conditions, values


def _millis(moment: datetime) -> Millis:
    return round(moment.timestamp() * 1000)
