"""A notification as a person reads it on a terminal, in English or Japanese."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from config.words import KINDS, REASONS, SEVERITIES
from workers.dispatcher.payload import Notification, ShownPost

_RULE: Final = "━" * 78
_TEXT_LINES: Final = 3  # ours: of each post, so that twenty posts fit a screen or two
_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "counts": "posts: {posts}, authors: {authors}",
        "burst": "a burst over the whole brand",
        "more": "… more posts: {posts}, more incidents: {incidents}",
        "followers": "{n} followers",
        "unknown": "unknown author",
        "sample": "SAMPLE: nothing of this is real",
        "see": "details: hikeshi incidents show {id}    take it: hikeshi incidents ack {id} --by NAME",
    },
    "ja": {
        "counts": "投稿{posts}件・投稿者{authors}人",
        "burst": "ブランド全体に広がる炎上の兆し",
        "more": "… ほかに投稿{posts}件、インシデント{incidents}件",
        "followers": "フォロワー{n}人",
        "unknown": "投稿者不明",
        "sample": "サンプル:実際の投稿ではありません",
        "see": "詳細: hikeshi incidents show {id}    引き受ける: hikeshi incidents ack {id} --by 名前",
    },
}

_decoder = msgspec.json.Decoder(Notification)


def render(body: bytes, language: str, timezone: str) -> str:
    """The lines to print, with a trailing newline; control characters of a post can't steer the terminal."""
    shown = _decoder.decode(body)
    language = language if language in _WORDS else "en"
    words = _WORDS[language]
    incident = shown.incident
    kind, severity = incident.kind, incident.severity
    if language == "ja":
        kind, severity = KINDS["ja"].get(kind, kind), f"深刻度{SEVERITIES['ja'][severity]}"
    counts = words["counts"].format(posts=incident.post_count, authors=incident.author_count)
    why = REASONS[language][shown.reason].upper()
    lines = [
        _RULE,
        f"[{why}] {incident.brand} · {kind} · {severity} · {counts} → {shown.receiver}",
    ]
    if shown.sample:
        lines.append(f"  ({words['sample']})")
    if incident.scope == "burst":
        lines.append(f"  {words['burst']}")
    lines += [f"  ◦ {_plain(reason)}" for reason in incident.reasons]
    for post in shown.posts:
        lines += _post(post, words, ZoneInfo(timezone))
    if shown.more.posts or shown.more.incidents:
        lines.append("  " + words["more"].format(posts=shown.more.posts, incidents=shown.more.incidents))
    lines += ["  " + words["see"].format(id=incident.id), _RULE]
    return "\n".join(lines) + "\n"


def _post(post: ShownPost, words: dict[str, str], zone: ZoneInfo) -> list[str]:
    author = post.author
    who = words["unknown"]
    if author is not None and (author.username or author.name):
        who = f"{author.name or author.username}" + (f" @{author.username}" if author.username else "")
        if author.followers is not None:
            who += f" ({words['followers'].format(n=f'{author.followers:,}')})"
    text = _plain(post.text).splitlines() or [""]
    cut = [*text[:_TEXT_LINES], "…"] if len(text) > _TEXT_LINES else text
    return [f"  • {_plain(who)}  {_local(post.created_at, zone)}", *(f"    {line}" for line in cut), f"    {post.url}"]


def _local(moment: str, zone: ZoneInfo) -> str:
    try:
        return datetime.fromisoformat(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    except (ValueError, OverflowError):  # another writer's spelling, or the end of the calendar
        return _plain(moment)


def _plain(text: str) -> str:
    return "".join(
        c if c == "\n" or c.isprintable() or ord(c) > 0xFFFF or c in "\u200d\ufe0f\u3000" else " " for c in text
    )
