"""Drills: a test page at a set time, which somebody is to acknowledge; ops is told when nobody did.

A drill is an incident of its own without a post, told by its escalation alone, over as soon as it is acknowledged.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from config.durations import format_duration
from config.routes import Drill, Policy
from workers.incidents import escalation, records
from workers.incidents.decide import milliseconds, resolve
from workers.incidents.model import HIGH, Decision, Event, Incident, Millis
from workers.incidents.ops import clear_ops, raise_ops
from workers.store.sql import text

BRAND: Final = "_drill"  # no brand of a file can have this id
_WORDS: Final = {
    "en": "a drill: nothing has happened; acknowledge it within {within} to show that pages reach you",
    "ja": "訓練です。何も起きていません。通知が届いたことを示すため、{within}以内に引き受けてください",
}


async def run_drills(connection: AsyncConnection, dialect: str, policy: Policy, now: Millis) -> int:
    """Open the drills that are due, and close those that were acknowledged or missed. Returns how many changed."""
    changed = 0
    for drill in policy.drills:
        if await _is_due(connection, drill, now):
            await _open(connection, dialect, policy, drill, now)
            changed += 1
    for row in await _open_drills(connection):
        changed += await _close(connection, dialect, policy, row, now)
    return changed


async def drills_due(connection: AsyncConnection, policy: Policy, now: Millis) -> bool:
    """Whether `run_drills` may have something to do: asked first, so that an idle look takes no write lock."""
    if policy.drills:
        found = await connection.execute(text("SELECT name, next_at FROM drills"))
        known = {row.name: row.next_at for row in found}
        if any(known.get(drill.name, 0) <= now or known[drill.name] > _next(drill, now) for drill in policy.drills):
            return True
    return any(row.status == "acknowledged" or _deadline(policy, row) <= now for row in await _open_drills(connection))


async def _is_due(connection: AsyncConnection, drill: Drill, now: Millis) -> bool:
    """Whether this drill begins now. Whoever moves it on is the one who begins it."""
    following = _next(drill, now)
    made = await connection.execute(
        text("INSERT INTO drills (name, next_at) VALUES (:name, :next) ON CONFLICT DO NOTHING RETURNING name"),
        {"name": drill.name, "next": following},
    )
    if made.first() is not None:
        return False
    # The file may say an earlier time by now than when the next one was noted.
    moved = await connection.execute(
        text("UPDATE drills SET next_at = :next WHERE name = :name AND next_at > :next"),
        {"name": drill.name, "next": following},
    )
    if moved.rowcount:
        return False
    begun = await connection.execute(
        text("UPDATE drills SET next_at = :next WHERE name = :name AND next_at <= :now"),
        {"name": drill.name, "next": following, "now": now},
    )
    return bool(begun.rowcount)


async def _open(connection: AsyncConnection, dialect: str, policy: Policy, drill: Drill, now: Millis) -> None:
    words = _WORDS.get(policy.route.language, _WORDS["en"])
    incident = Incident(
        id=records.new_id(), key=f"{BRAND}/care/{drill.name}", scope="root", brand=BRAND, desk="care",
        kind="complaint", severity=HIGH, influence=0, status="firing", opened_at=now, updated_at=now, last_post_at=now,
        event_at=now, reasons=[words.format(within=format_duration(drill.within))], sample=True, is_new=True,
    )  # fmt: skip
    decision = Decision(events=[Event("opened", f"drill {drill.name}")])
    escalation.start(incident, drill.escalation, now, decision)
    escalation.advance(incident, policy.receivers, now, None, decision)
    incident.due_at = incident.escalation.next_at if incident.escalation is not None else None
    await records.save(connection, dialect, [(incident, decision)], now)


async def _close(connection: AsyncConnection, dialect: str, policy: Policy, row: Row[Any], now: Millis) -> int:
    incidents = await records.lock(connection, dialect, [row.id], policy)
    incident = incidents.get(row.id)
    if incident is None or not incident.is_open:
        return 0
    name = incident.key.removeprefix(f"{BRAND}/care/")
    if incident.status == "acknowledged":
        taken_by = incident.acknowledged_by or "somebody"
        decision = resolve(incident, "hikeshi", f"the drill was acknowledged by {taken_by}", now)
        decision.events.insert(0, Event("drill_passed", f"acknowledged by {taken_by}"))
        await clear_ops(connection, dialect, f"drill_missed/{name}", now)
    elif all(drill.name != name for drill in policy.drills):
        decision = resolve(incident, "hikeshi", "routes.yaml holds this drill no more", now)
    elif _deadline(policy, row) <= now:
        decision = resolve(incident, "hikeshi", "nobody acknowledged the drill in time", now)
        decision.events.insert(0, Event("drill_missed", "nobody acknowledged it in time"))
        what = {
            "en": f"nobody acknowledged the drill {name} in time: would a page reach anybody?",
            "ja": f"訓練「{name}」を時間内に引き受けた人がいません。通知が届いているか確かめてください",
        }
        await raise_ops(connection, dialect, policy, f"drill_missed/{name}", what, now)
    else:
        return 0
    await records.save(connection, dialect, [(incident, decision)], now)
    return 1


async def _open_drills(connection: AsyncConnection) -> Sequence[Row[Any]]:
    found = await connection.execute(
        text(
            "SELECT id, key, status, opened_at FROM incidents WHERE brand = :brand AND status = 'firing' UNION ALL "
            "SELECT id, key, status, opened_at FROM incidents WHERE brand = :brand AND status = 'acknowledged' "
            "ORDER BY key, id"  # each is locked in its turn
        ),
        {"brand": BRAND},
    )
    return found.all()


def _deadline(policy: Policy, row: Row[Any]) -> Millis:
    """Until when an open drill may be acknowledged; one that the file holds no more is over."""
    within = next((d.within for d in policy.drills if row.key == f"{BRAND}/care/{d.name}"), None)
    return int(row.opened_at) + (milliseconds(within) if within is not None else 0)


def _next(drill: Drill, now: Millis) -> Millis:
    return round(drill.at.next_after(datetime.fromtimestamp(now / 1000, UTC)).timestamp() * 1000)
