"""What a receiver gets: the contract's JSON, built once and frozen as bytes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from schemas.mark import SEVERITIES
from schemas.mention import rfc3339
from workers.incidents.model import Incident, Millis, Reason

MAX_POSTS: Final = 20  # the contract's
_SAFE_IN_ID: Final = "!$&'*+,;=:@"  # whoever reads the address finds the id in it
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


class Links(msgspec.Struct):
    """The incident's page, and the one that acknowledges after a click."""

    incident: str
    acknowledge: str


class Notification(msgspec.Struct, kw_only=True):
    """The body of a webhook, to the letter of the contract; what people read is an `Alert`, which says more."""

    version: Literal[1] = 1
    reason: Reason
    receiver: str
    incident: ShownIncident
    posts: list[ShownPost]
    more: More
    links: Links | None = None
    sample: bool


class AnsweredPost(msgspec.Struct):
    """The post that a shown post answers or quotes: its text and author where the store has them, else its link."""

    url: str
    text: str | None = None
    name: str | None = None
    username: str | None = None


class PostMark(msgspec.Struct):
    """What the classifier said of a shown post, and what the post answers."""

    kind: str
    severity: str
    influence: str
    answers: AnsweredPost | None = None


class Loud(msgspec.Struct):
    """Somebody of weight who wrote in the incident."""

    name: str
    username: str | None
    followers: int | None
    influence: str


class Spread(msgspec.Struct):
    """How far the incident's root has spread."""

    retweets: int
    quotes: int


class ShownAnswer(msgspec.Struct):
    """The answer book's best entry for the gravest post, and the address that opens X's reply window with it."""

    situation: str
    text: str
    language: str
    reason: str
    url: str


class Alert(Notification, kw_only=True):
    """What a person is told: the notification, and whatever helps to act on it."""

    brand_name: str = ""
    assignee: str | None = None
    acknowledged_by: str | None = None
    acknowledged_until: str | None = None
    marks: dict[str, PostMark] = {}
    """By post id."""
    loud: list[Loud] = []
    spread: Spread | None = None
    answer: ShownAnswer | None = None


class _Mention(msgspec.Struct):
    id: str
    text: str
    created_at: str
    lang: str | None = None
    author: PostAuthor | None = None
    in_reply_to: str | None = None
    quote_of: str | None = None


class _Body(msgspec.Struct):
    mention: _Mention


_bodies = msgspec.json.Decoder(_Body)


def shown_post(body: str) -> ShownPost:
    """A stored post as it is shown."""
    mention = _bodies.decode(body).mention
    username = mention.author.username if mention.author else None
    return ShownPost(
        id=mention.id,
        url=post_url(mention.id, username),
        text=mention.text,
        lang=mention.lang,
        created_at=mention.created_at,
        author=mention.author,
    )


def post_url(post_id: str, username: str | None = None) -> str:
    """Where a post is on X; without its author's name X leads on.

    X's own names and ids stand as they are. Others write marks too: what steers a terminal or ends a link is quoted.
    """
    return f"https://x.com/{quote(username or 'i', safe='')}/status/{quote(post_id, safe=_SAFE_IN_ID)}"


def answered_id(body: str) -> str | None:
    """The id of the post that a stored post answers, else of the one it quotes."""
    mention = _bodies.decode(body).mention
    return mention.in_reply_to or mention.quote_of


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
    links: Mapping[str, str] | None = None,
) -> Notification:
    """A notification: `posts` of `new_posts` are shown; `others`: bundled incidents, each's new posts."""
    more = More(
        posts=new_posts - len(posts) + sum(others.values()),
        incidents=len(others),
        incident_ids=list(others)[:MAX_INCIDENT_IDS],
    )
    return Notification(
        reason=reason,
        receiver=receiver,
        incident=shown_incident(incident),
        posts=list(posts),
        more=more,
        links=Links(links["incident"], links["acknowledge"]) if links is not None else None,
        sample=incident.sample,
    )


def encoded(shown: Notification) -> bytes:
    """The bytes that are frozen."""
    return msgspec.json.encode(shown)


def moment(milliseconds: Millis) -> str:
    """RFC 3339 in UTC."""
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
