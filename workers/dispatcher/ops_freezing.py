"""An alert to ops as a notification: the same format as an incident's, with a scope of its own and no posts."""

from typing import Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.dispatcher.outbox import Due, Frozen, Style, Tells
from workers.dispatcher.payload import More, Notification, ShownIncident, moment
from workers.incidents.model import HIGH, Millis, Reason
from workers.incidents.ops import OpsAlert, lock_alert

BRAND: Final = "hikeshi"  # no brand of a file: `key` and `scope` tell it from one that is called so


async def freeze_ops(
    connection: AsyncConnection, dialect: str, policy: Policy, receiver: str, due: Due, now: Millis
) -> Frozen | None:
    """Fix the bytes of an alert to ops; None when it is not wanted any more."""
    alert = await lock_alert(connection, dialect, due.incident)
    if alert is None:
        return None
    style = Style(policy.route.language, policy.route.timezone)
    body = ops_body(alert, due.reason, receiver, style.language)
    tells = [Tells(alert.id, due.reason, -1, HIGH)]
    row = (
        await connection.execute(
            text(
                "UPDATE outbox SET state = 'frozen', frozen_at = :now, body = :body, told = :told, "
                "language = :language, timezone = :timezone WHERE id = :id AND state = 'scheduled' "
                "RETURNING attempts, first_due_at"
            ),
            {
                "id": due.id,
                "now": now,
                "body": body.decode(),
                "told": msgspec.json.encode(tells).decode(),
                **style._asdict(),
            },
        )
    ).first()
    if row is None:  # it was over before it was sent
        return None
    return Frozen(due.id, body, style, due.trace, tells, row.attempts, row.first_due_at, now, None)


def ops_body(alert: OpsAlert, reason: Reason, receiver: str, language: str) -> bytes:
    """The bytes of an alert to ops."""
    over = reason == "all_resolved"
    what = alert.text(language)
    if over:
        what = f"解消しました: {what}" if language == "ja" else f"Over: {what}"
    shown = ShownIncident(
        id=alert.id,
        key=f"{BRAND}/ops/{alert.kind}",
        scope="ops",
        brand=BRAND,
        kind="ops",
        severity="high",
        status="resolved" if over else "firing",
        opened_at=moment(alert.raised_at),
        post_count=0,
        author_count=0,
        reasons=[what],
    )
    return msgspec.json.encode(
        Notification(reason=reason, receiver=receiver, incident=shown, posts=[], more=More(), sample=False)
    )
