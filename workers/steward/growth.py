"""When a post's reach is looked up next, and what X's counts of it are. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from workers.incidents.decide import milliseconds
from workers.incidents.model import Millis
from workers.x import fields


class Counts(NamedTuple):
    """X's public counts of a post."""

    retweets: int
    quotes: int
    replies: int
    likes: int


class Watched(NamedTuple):
    """A post whose reach an open incident wants to know. `since`: when the incident opened; `looks`: so many since."""

    post: str
    incident: str
    severity: int
    since: Millis
    looks: int
    last: Millis | None


def look_due(watched: Watched, steps: Sequence[timedelta]) -> Millis:
    """When it is looked up next: each wait as its place in the list says, the last one again and again."""
    step = steps[min(watched.looks, len(steps) - 1)]
    return (watched.since if watched.last is None else watched.last) + milliseconds(step)


def due_first(posts: Sequence[Watched], steps: Sequence[timedelta], now: Millis) -> list[Watched]:
    """Those whose time has come, each post once: of the gravest incidents first, then who has waited longest."""
    due = [(watched, at) for watched in posts if (at := look_due(watched, steps)) <= now]
    due.sort(key=lambda one: (-one[0].severity, one[1], one[0].post))
    first: dict[str, Watched] = {}
    for watched, _ in due:
        first.setdefault(watched.post, watched)
    return list(first.values())


def next_due(posts: Sequence[Watched], steps: Sequence[timedelta]) -> Millis | None:
    """When the first of them is due."""
    return min((look_due(watched, steps) for watched in posts), default=None)


def counts_of(post: Mapping[str, Any]) -> Counts | None:
    """The counts in X's object, in either of its spellings; None where it holds none."""
    metrics = fields.mapping(post.get("public_metrics"))
    if not metrics:
        return None
    retweets = metrics.get("retweet_count", metrics.get("repost_count"))
    found = (retweets, metrics.get("quote_count"), metrics.get("reply_count"), metrics.get("like_count"))
    return Counts(*(fields.count(value) or 0 for value in found))
