"""The notification that `hikeshi check --send` sends: the real format, marked as a test."""

from datetime import datetime
from typing import Final
from uuid import uuid4

from config.channels import ChannelKind
from schemas.mark import SEVERITIES
from schemas.mention import rfc3339
from workers.dispatcher.enriching import is_for_people
from workers.dispatcher.payload import Alert, Notification, ShownAnswer, ShownPost, encoded, notification
from workers.incidents.answers import reply_url
from workers.incidents.change import to_millis
from workers.incidents.model import Incident

_TEXT: Final = (
    "This is a test of Hikeshi: nobody has posted this. これはHikeshiのテスト通知です。実際の投稿ではありません。"
)
_ANSWER: Final = {
    "en": ("A test", "Here stands the answer of your answer book.", "it is a test"),
    "ja": ("テスト", "ここに回答集の文面が入ります。", "テストのため"),
}


def sample_alert(receiver: str, kind: ChannelKind, language: str, now: datetime) -> tuple[str, bytes]:
    """Its idempotency key and its bytes; `sample` is true in it."""
    at = to_millis(now)
    incident = Incident(
        id=f"test-{uuid4().hex[:12]}",  # an alert of its own wherever alerts have an identity
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
    shown = notification(incident, "first", receiver, [post], 1, {})
    return f"test-{uuid4().hex}", encoded(_for_people(shown, language) if is_for_people(kind) else shown)


def _for_people(shown: Notification, language: str) -> Alert:
    situation, text, reason = _ANSWER.get(language, _ANSWER["en"])
    return Alert(
        **{field: getattr(shown, field) for field in Notification.__struct_fields__},
        answer=ShownAnswer(situation, text, language, reason, reply_url("0", text)),
    )
