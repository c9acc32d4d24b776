"""The notification that `hikeshi check --send` sends: the real format, marked as a test."""

from datetime import datetime
from uuid import uuid4

from schemas.mark import SEVERITIES
from schemas.mention import rfc3339
from workers.dispatcher.payload import ShownPost, encoded, notification
from workers.incidents.change import to_millis
from workers.incidents.model import Incident

_TEXT = "This is a test of Hikeshi: nobody has posted this. これはHikeshiのテスト通知です。実際の投稿ではありません。"


def sample_alert(receiver: str, now: datetime) -> tuple[str, bytes]:
    """Its idempotency key and its bytes; `sample` is true in it."""
    at = to_millis(now)
    incident = Incident(
        id="test",
        key="test/care/test",
        scope="root",
        brand="test",
        desk="care",
        kind="complaint",
        severity=SEVERITIES.index("low"),
        influence=0,
        status="firing",
        opened_at=at,
        updated_at=at,
        last_post_at=at,
        event_at=at,
        post_count=1,
        author_count=1,
        reasons=["a test, sent by `hikeshi check --send`"],
        sample=True,
    )
    post = ShownPost(
        id="0", url="https://x.com/i/status/0", text=_TEXT, lang="en", created_at=rfc3339(now), author=None
    )
    return f"test-{uuid4().hex}", encoded(notification(incident, "first", receiver, [post], 1, {}))
