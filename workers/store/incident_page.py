"""What the page of one incident shows: read in one go, with a bound on everything, whatever has piled up."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import text

from schemas.mark import INFLUENCES, SEVERITIES
from workers.store.membership import belonging_to
from workers.store.spread import spread_of
from workers.store.store import Store

# Ours: what a person scrolls through on a telephone. The counts tell of the rest.
MOST_POSTS: Final = 30
MOST_EVENTS: Final = 60


class PageAuthor(msgspec.Struct, frozen=True):
    """Who wrote a post, as far as is known."""

    username: str | None = None
    name: str | None = None
    followers: int | None = None


class PagePost(NamedTuple):
    """A post with what the classifier says. Times are milliseconds since 1970."""

    id: str
    kind: str
    severity: str
    influence: str
    lang: str | None
    created_at: int
    text: str
    author: PageAuthor | None
    reasons: list[str]

    @property
    def url(self) -> str:
        """Where it stands on X."""
        username = self.author.username if self.author else None
        return f"https://x.com/{username or 'i'}/status/{self.id}"


class PageEvent(NamedTuple):
    """One line of the timeline."""

    at: int
    event: str
    actor: str
    reason: str


class IncidentPage(NamedTuple):
    """An incident as its page shows it. `posts`: the weightiest; `events`: the last ones, the newest first."""

    id: str
    key: str
    scope: str
    brand: str
    kind: str
    severity: str
    influence: str
    status: str
    opened_at: int
    post_count: int
    author_count: int
    langs: list[str]
    reasons: list[str]
    assignee: str | None
    acknowledged_by: str | None
    acknowledged_until: int | None
    resolved_at: int | None
    muted_by: str | None
    muted_until: int | None
    merged_into: str | None
    sample: bool
    retweets: int
    quotes: int
    posts: list[PagePost]
    posts_held: int
    events: list[PageEvent]
    events_held: int


class _Mention(msgspec.Struct):
    text: str
    author: PageAuthor | None = None


class _Body(msgspec.Struct):
    mention: _Mention
    reasons: list[str] = []


_bodies = msgspec.json.Decoder(_Body)
_strings = msgspec.json.Decoder(list[str])
_spans = msgspec.json.Decoder(list[tuple[int, int]])


async def incident_page(store: Store, incident_id: str) -> IncidentPage | None:
    """The incident; None where there is none of this id (any more)."""
    async with store.read() as connection:
        found = await connection.execute(text("SELECT * FROM incidents WHERE id = :id"), {"id": incident_id})
        row = found.first()
        if row is None:
            return None
        spans = _spans.decode(row.spans)
        condition, values = belonging_to(store.dialect, row.scope, row.id, row.brand, spans)
        posts = await connection.execute(
            text(
                "SELECT id, kind, severity, influence, lang, created_at, body, COUNT(*) OVER () AS held FROM posts "
                f"WHERE {condition} ORDER BY severity DESC, influence DESC, created_at, id LIMIT :most"
            ),
            {**values, "most": MOST_POSTS},
        )
        events = await connection.execute(
            text(
                "SELECT at, event, actor, reason, COUNT(*) OVER () AS held FROM events WHERE incident = :id "
                "ORDER BY id DESC LIMIT :most"
            ),
            {"id": incident_id, "most": MOST_EVENTS},
        )
        spread = await spread_of(
            connection, store.dialect, scope=row.scope, incident=row.id, brand=row.brand, key=row.key, spans=spans
        )
        return _page(row, posts.all(), events.all(), spread or {"retweets": 0, "quotes": 0})


def _page(row: Any, posts: Any, events: Any, spread: Mapping[str, Any]) -> IncidentPage:
    return IncidentPage(
        id=row.id,
        key=row.key,
        scope=row.scope,
        brand=row.brand,
        kind=row.kind,
        severity=SEVERITIES[row.severity],
        influence=INFLUENCES[row.influence],
        status=row.status,
        opened_at=row.opened_at,
        post_count=row.post_count,
        author_count=row.author_count,
        langs=_strings.decode(row.langs),
        reasons=_strings.decode(row.reasons),
        assignee=row.assignee,
        acknowledged_by=row.acknowledged_by,
        acknowledged_until=row.acknowledged_until,
        resolved_at=row.resolved_at,
        muted_by=row.muted_by,
        muted_until=row.muted_until,
        merged_into=row.merged_into,
        sample=bool(row.sample),
        retweets=spread["retweets"],
        quotes=spread["quotes"],
        posts=[_post(post) for post in posts],
        posts_held=posts[0].held if posts else 0,
        events=[PageEvent(event.at, event.event, event.actor, event.reason) for event in events],
        events_held=events[0].held if events else 0,
    )


def _post(row: Any) -> PagePost:
    body = _bodies.decode(row.body)
    return PagePost(
        row.id,
        row.kind,
        SEVERITIES[row.severity],
        INFLUENCES[row.influence],
        row.lang,
        row.created_at,
        body.mention.text,
        body.mention.author,
        body.reasons,
    )
