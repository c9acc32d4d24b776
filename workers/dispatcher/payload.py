"""What a receiver gets: the contract's JSON, built once and frozen as bytes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from schemas.mark import SEVERITIES
from schemas.mention import rfc3339
from workers.incidents.model import Incident, Millis, Reason

MAX_POSTS: Final = 20  # the contract's
MAX_INCIDENT_IDS: Final = 1000  # ours: of bundled incidents; `incidents` counts them all


class PostAuthor(msgspec.Struct):
    """Who wrote a post, as far as is known."""

    username: str | None = None
    name: str | None = None
    followers: int | None = None


class ShownPost(msgspec.Struct):
    """A post as the receiver is shown it: unmodified text, author, time and link, as X asks."""

    id: str
    url: str
    text: str
    lang: str | None
    created_at: str
    author: PostAuthor | None


class ShownIncident(msgspec.Struct):
    """The incident as it stood when the notification was frozen."""

    id: str
    key: str
    scope: str
    brand: str
    kind: str
    severity: str
    status: str
    opened_at: str
    post_count: int
    author_count: int
    reasons: list[str]


class More(msgspec.Struct):
    """What this notification tells of beyond its posts: further posts of the incident, other incidents bundled."""

    posts: int = 0
    incidents: int = 0
    incident_ids: list[str] = []


class Notification(msgspec.Struct, kw_only=True):
    """The body of a webhook; other channels render the same."""

    version: Literal[1] = 1
    reason: Reason
    receiver: str
    incident: ShownIncident
    posts: list[ShownPost]
    more: More
    links: None = None
    sample: bool


class _Mention(msgspec.Struct):
    id: str
    text: str
    created_at: str
    lang: str | None = None
    author: PostAuthor | None = None


class _Body(msgspec.Struct):
    mention: _Mention


_bodies = msgspec.json.Decoder(_Body)


def shown_post(body: str) -> ShownPost:
    """A stored post as it is shown."""
    mention = _bodies.decode(body).mention
    username = mention.author.username if mention.author else None
    return ShownPost(
        id=mention.id,
        url=f"https://x.com/{username or 'i'}/status/{mention.id}",
        text=mention.text,
        lang=mention.lang,
        created_at=mention.created_at,
        author=mention.author,
    )


def shown_incident(incident: Incident) -> ShownIncident:
    """An incident as it is shown."""
    return ShownIncident(
        id=incident.id,
        key=incident.key,
        scope=incident.scope,
        brand=incident.brand,
        kind=incident.kind,
        severity=SEVERITIES[incident.severity],
        status=incident.status,
        opened_at=moment(incident.opened_at),
        post_count=incident.post_count,
        author_count=incident.author_count,
        reasons=incident.reasons,
    )


def notification(
    incident: Incident,
    reason: Reason,
    receiver: str,
    posts: Sequence[ShownPost],
    new_posts: int,
    others: dict[str, int],
) -> bytes:
    """The bytes of a notification: `posts` of `new_posts` are shown; `others`: bundled incidents, each's new posts."""
    more = More(
        posts=new_posts - len(posts) + sum(others.values()),
        incidents=len(others),
        incident_ids=list(others)[:MAX_INCIDENT_IDS],
    )
    shown = Notification(
        reason=reason,
        receiver=receiver,
        incident=shown_incident(incident),
        posts=list(posts),
        more=more,
        sample=incident.sample,
    )
    return msgspec.json.encode(shown)


def moment(milliseconds: Millis) -> str:
    """RFC 3339 in UTC."""
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
