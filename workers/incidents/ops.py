"""Alerts to ops, about trouble with Hikeshi itself: told once when it begins, once when it is over.

They go through the outbox like any notification, to the receivers of `ops:` in routes.yaml. Without that key the log
alone says it.
"""

import secrets
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.incidents.model import HIGH, Millis, Reason
from workers.incidents.records import new_id
from workers.runtime.logging import get_logger
from workers.store.bulk import Rows

_log = get_logger(__name__)

PREFIX: Final = "ops-"  # of an alert's id, where the outbox names an incident otherwise
_KEEP_MS: Final = 30 * 24 * 3_600_000  # ours: what was over a month ago is history
_LATE_MS: Final = 60_000  # the contract's: a fallback is told of what was not delivered for so long

_OUTBOX = Rows.of(
    id="text", incident="text", receiver="text", reason="text", why="text", weight="integer", now="bigint"
)
_texts = msgspec.json.Decoder(dict[str, str])

Texts = str | Mapping[str, str]
"""What is wrong and what to do about it: one text, or one for each language (`en`, `ja`)."""


class OpsAlert(NamedTuple):
    """One alert. `texts`: by language."""

    id: str
    kind: str
    texts: dict[str, str]
    raised_at: Millis
    cleared_at: Millis | None

    def text(self, language: str) -> str:
        """What is wrong, in this language."""
        return self.texts.get(language) or self.texts["en"]


def is_ops(incident_id: str) -> bool:
    """Whether a row of the outbox tells of an alert to ops, not of an incident."""
    return incident_id.startswith(PREFIX)


def audience(policy: Policy, off: Collection[str]) -> list[str]:
    """Who is told: ops' receivers. One that is switched off can't be: those that stand in for it are told instead."""
    told: list[str] = []
    for name in policy.ops:
        stand_in: str | None = name
        while stand_in is not None and stand_in in off:
            receiver = policy.receivers.get(stand_in)
            stand_in = receiver.fallback if receiver else None
        if stand_in is not None and stand_in not in told:
            told.append(stand_in)
    # Where all are off, the first keeps it until it is on again.
    return told or list(policy.ops[:1])


async def raise_ops(
    connection: AsyncConnection, dialect: str, policy: Policy, kind: str, what: Texts, now: Millis
) -> bool:
    """Tell ops of this kind of trouble, once until `clear_ops`. `kind` names it, with its subject where there are
    several: `receiver_off/desk`. Returns whether it is new."""
    texts = {"en": what} if isinstance(what, str) else dict(what)
    made = await connection.execute(
        text(
            "INSERT INTO ops_alerts (id, kind, texts, raised_at) VALUES (:id, :kind, :texts, :now) "
            "ON CONFLICT (kind) WHERE cleared_at IS NULL DO NOTHING RETURNING id"
        ),
        {"id": f"{PREFIX}{new_id()}", "kind": kind, "texts": msgspec.json.encode(texts).decode(), "now": now},
    )
    alert_id = made.scalar()
    if alert_id is None:
        return False
    told = audience(policy, await _switched_off(connection))
    await _schedule(connection, dialect, alert_id, told, "first", texts["en"], now)
    _log.error("ops_alert_raised", kind=kind, what=texts["en"], receivers=told)
    return True


async def clear_ops(connection: AsyncConnection, dialect: str, kind: str, now: Millis) -> bool:
    """This kind of trouble is over: whoever was told of it is told so. Returns whether there was any."""
    ended = await connection.execute(
        text("UPDATE ops_alerts SET cleared_at = :now WHERE kind = :kind AND cleared_at IS NULL RETURNING id, texts"),
        {"kind": kind, "now": now},
    )
    row = ended.first()
    if row is None:
        return False
    await connection.execute(
        text(
            "UPDATE outbox SET state = 'cancelled', finished_at = :now, detail = 'over before it was sent' "
            "WHERE incident = :id AND state = 'scheduled'"
        ),
        {"id": row.id, "now": now},
    )
    told = await connection.execute(
        text("SELECT DISTINCT receiver FROM outbox WHERE incident = :id AND state IN ('frozen', 'bundled', 'sent')"),
        {"id": row.id},
    )
    what = _texts.decode(row.texts)["en"]
    await _schedule(connection, dialect, row.id, sorted(told.scalars()), "all_resolved", f"over: {what}", now)
    await connection.execute(text("DELETE FROM ops_alerts WHERE cleared_at < :before"), {"before": now - _KEEP_MS})
    _log.warning("ops_alert_cleared", kind=kind)
    return True


async def open_alerts(connection: AsyncConnection) -> dict[str, OpsAlert]:
    """What ops was told of and is not over, by kind."""
    found = await connection.execute(
        text(
            "SELECT id, kind, texts, raised_at, cleared_at FROM ops_alerts WHERE cleared_at IS NULL ORDER BY raised_at"
        )
    )
    alerts = (OpsAlert(r.id, r.kind, _texts.decode(r.texts), r.raised_at, r.cleared_at) for r in found)
    return {alert.kind: alert for alert in alerts}


async def lock_alert(connection: AsyncConnection, dialect: str, alert_id: str) -> OpsAlert | None:
    """One alert, under its row lock."""
    for_update = " FOR UPDATE" if dialect == "postgresql" else ""  # SQLite: `BEGIN IMMEDIATE` has locked it all
    found = await connection.execute(
        text(f"SELECT id, kind, texts, raised_at, cleared_at FROM ops_alerts WHERE id = :id{for_update}"),
        {"id": alert_id},
    )
    row = found.first()
    return OpsAlert(row.id, row.kind, _texts.decode(row.texts), row.raised_at, row.cleared_at) if row else None


async def tell_stand_ins(connection: AsyncConnection, dialect: str, policy: Policy, now: Millis) -> int:
    """An alert that its receiver has not taken for a minute goes to that one's fallback too. Returns how many did."""
    late = await connection.execute(
        text(
            " UNION ALL ".join(
                "SELECT id, incident, receiver, why FROM outbox WHERE "
                # The conditions are those of the outbox's indexes, word for word: SQLite takes them for nothing less.
                f"{unfinished} AND fallback_at IS NULL AND first_due_at <= :late AND reason = 'first' "
                "AND incident IN (SELECT id FROM ops_alerts WHERE cleared_at IS NULL)"
                for unfinished in ("state IN ('scheduled', 'frozen', 'bundled')", "state = 'failed'")
            )
        ),
        {"late": now - _LATE_MS},
    )
    count = 0
    for row in late.all():
        receiver = policy.receivers.get(row.receiver)
        if receiver is None or receiver.fallback is None:
            continue
        await connection.execute(
            text("UPDATE outbox SET fallback_at = :now WHERE id = :id"), {"id": row.id, "now": now}
        )
        count += await _tell_too(connection, dialect, row.incident, [receiver.fallback], row.why, now)
    return count


async def receiver_gone(
    connection: AsyncConnection, dialect: str, policy: Policy, alert_ids: Collection[str], receiver: str, now: Millis
) -> None:
    """The file holds this receiver no more: what waits for it of these alerts is cancelled, and whoever is ops' now is
    told of what is not over."""
    off = await _switched_off(connection)
    for alert_id in sorted(alert_ids):
        alert = await lock_alert(connection, dialect, alert_id)
        cancelled = await connection.execute(
            text(
                "UPDATE outbox SET state = 'cancelled', finished_at = :now, body = NULL, detail = :why "
                "WHERE incident = :id AND receiver = :receiver AND state IN ('scheduled', 'frozen')"
            ),
            {
                "id": alert_id,
                "receiver": receiver,
                "now": now,
                "why": f"{receiver} is no longer in routes.yaml",
            },
        )
        if cancelled.rowcount and alert is not None and alert.cleared_at is None:
            await _tell_too(connection, dialect, alert_id, audience(policy, off), alert.text("en"), now)


async def _tell_too(
    connection: AsyncConnection, dialect: str, alert_id: str, receivers: Collection[str], why: str, now: Millis
) -> int:
    """Those of these receivers who have not heard of the alert yet hear of it. Returns how many they are."""
    found = await connection.execute(
        text("SELECT DISTINCT receiver FROM outbox WHERE incident = :incident"), {"incident": alert_id}
    )
    heard = set(found.scalars())
    unaware = [name for name in receivers if name not in heard]
    await _schedule(connection, dialect, alert_id, unaware, "first", why, now)
    return len(unaware)


async def _switched_off(connection: AsyncConnection) -> set[str]:
    found = await connection.execute(text("SELECT receiver FROM receivers WHERE off IS NOT NULL"))
    return set(found.scalars())


async def _schedule(
    connection: AsyncConnection,
    dialect: str,
    alert_id: str,
    receivers: Collection[str],
    reason: Reason,
    why: str,
    now: Millis,
) -> None:
    rows = [(secrets.token_hex(16), alert_id, receiver, reason, why, HIGH, now) for receiver in receivers]
    if rows:
        await connection.execute(
            text(
                "INSERT INTO outbox (id, incident, receiver, reason, why, state, weight, created_at, first_due_at, "
                "due_at, attempts) SELECT r.id, r.incident, r.receiver, r.reason, r.why, 'scheduled', r.weight, r.now, "
                f"r.now, r.now, 0 FROM {_OUTBOX.source(dialect)} WHERE true"
            ),
            _OUTBOX.bind(dialect, rows),
        )
