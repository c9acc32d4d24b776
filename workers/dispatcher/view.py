"""An alert as templates see it: plain values, times on the reader's clock, names as X writes them. Pure."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from config import words
from workers.dispatcher.measure import characters, code_units, cut
from workers.dispatcher.payload import Alert, AnsweredPost, ShownPost
from workers.dispatcher.style import Style

# Ours, in UTF-16 code units: what stands behind it in the headline, the severity, must have room in a header of Slack.
MAX_BRAND: Final = 80
_SHORT_ID: Final = 8  # of an incident's id: enough to tell those of a week apart

# Ours: enough to know what a post answers. It stands beside each of twenty replies, and X's longest has 25,000.
MAX_ANSWERED: Final = 500

_decoder = msgspec.json.Decoder(Alert)

View = dict[str, Any]


def read_alert(body: bytes) -> Alert:
    """An alert from the bytes that were frozen; those of a bare notification are one that says less."""
    return _decoder.decode(body)


def view(alert: Alert, style: Style, *, edited: bool = False) -> View:
    """What a template is given. `edited`: for a message that stands already, and now says what has become of it."""
    zone = ZoneInfo(style.timezone)
    incident = msgspec.to_builtins(alert.incident)
    return {
        "reason": alert.reason,
        "lead": _lead(alert, style.language, edited=edited),
        "receiver": alert.receiver,
        "sample": alert.sample,
        "brand": cut(alert.brand_name or alert.incident.brand, MAX_BRAND, code_units),
        "short_id": alert.incident.id[:_SHORT_ID],
        "incident": incident,
        "opened": local(alert.incident.opened_at, zone),
        "posts": [_post(post, alert, zone) for post in alert.posts],
        "more": msgspec.to_builtins(alert.more),
        "links": msgspec.to_builtins(alert.links) if alert.links else None,
        "assignee": alert.assignee,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_until": local(alert.acknowledged_until, zone) if alert.acknowledged_until else None,
        "loud": [
            {"name": one.name, "handle": _handle(one.username), "followers": one.followers, "influence": one.influence}
            for one in alert.loud
        ],
        "spread": msgspec.to_builtins(alert.spread) if alert.spread else None,
        "answer": msgspec.to_builtins(alert.answer) if alert.answer else None,
    }


def _lead(alert: Alert, language: str, *, edited: bool) -> str:
    """The word that stands first: why it was sent; on a message that was changed, how the incident stands."""
    spoken = language if language in words.REASONS else "en"
    if edited and alert.incident.status != "firing":
        return words.STATUSES[spoken][alert.incident.status]
    return words.REASONS[spoken][alert.reason]


def local(moment: str, zone: ZoneInfo) -> str:
    """A time as the reader's clock says it."""
    try:
        return datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    except (ValueError, OverflowError):  # another writer's spelling, or the end of the calendar
        return moment


def _post(post: ShownPost, alert: Alert, zone: ZoneInfo) -> View:
    mark = alert.marks.get(post.id)
    author = post.author
    return {
        "id": post.id,
        "url": post.url,
        "text": post.text,
        "lang": post.lang,
        "created_at": post.created_at,
        "at": local(post.created_at, zone),
        "name": (author.name or author.username) if author else None,
        "handle": _handle(author.username) if author else None,
        "followers": author.followers if author else None,
        "severity": mark.severity if mark else "none",
        "influence": mark.influence if mark else "none",
        "answers": _answered(mark.answers) if mark and mark.answers else None,
    }


def _answered(post: AnsweredPost) -> View:
    text = cut(post.text, MAX_ANSWERED, characters) if post.text else post.text
    return {"url": post.url, "text": text, "name": post.name, "handle": _handle(post.username)}


def _handle(username: str | None) -> str | None:
    return f"@{username}" if username else None
