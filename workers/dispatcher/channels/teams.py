"""Microsoft Teams, by a workflow that starts at a webhook request and posts the adaptive card in it.

A workflow answers 202 before the card is posted, tells no id, and has no idempotency key: what was sent can't be
changed, and an attempt that timed out after it was taken may arrive twice.
"""

import json
from typing import Any, Final

from config.channels import TeamsEntry
from workers.dispatcher.channels.http import call
from workers.dispatcher.channels.plain import Parts
from workers.dispatcher.channels.tools import Tools, needed
from workers.dispatcher.measure import cut, json_utf8_bytes, utf8_bytes
from workers.dispatcher.outcome import Result
from workers.dispatcher.style import Style
from workers.dispatcher.view import View, read_alert, view

# Microsoft says about 28 KB for a message, and users saw 413 from 21 KB on; in bytes of the whole request.
MAX_BYTES: Final = 20_000
MAX_POSTS: Final = 10  # ours: a card is read on a phone
# Ours, in bytes as they stand in the request, tried one after the other until it fits: of a post, and of each text
# beside the posts.
_POST_TEXTS: Final = (6000, 2000, 800, 400)
_OTHER_TEXTS: Final = (2000, 500)
_COLOURS: Final = {
    "none": "Default", "low": "Good", "medium": "Warning", "high": "Attention", "critical": "Attention",
}  # fmt: skip

Element = dict[str, Any]


class TeamsChannel:
    """Posts a card a notification."""

    def __init__(self, entry: TeamsEntry, receiver: str, tools: Tools) -> None:
        self._url = needed(entry.url, "teams.url")
        self._receiver, self._tools = receiver, tools

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  Teams takes neither
        shown = view(read_alert(body), style)
        parts = Parts(self._tools.templates(), "teams", style.language)
        reply = await call(self._tools.client, self._tools.clock, self._url, message(shown, parts))
        return reply.saying(reply.field("error", "message"))


def message(shown: View, parts: Parts) -> Element:
    """The request, with as many posts as fit, cut as little as need be: the weightiest has room before long reasons."""
    most = min(len(shown["posts"]), MAX_POSTS)
    smallest: Element = {}
    for other in _OTHER_TEXTS:
        for count in range(most, min(most, 1) - 1, -1):
            for longest in _POST_TEXTS:
                smallest = _wrapped(_card(shown, parts, count, longest, other))
                if size(smallest) <= MAX_BYTES:
                    return smallest
    return smallest


def size(request: Element) -> int:
    """In bytes, as it is sent."""
    return utf8_bytes(json.dumps(request, ensure_ascii=False, separators=(",", ":")))


def _wrapped(card: Element) -> Element:
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _card(shown: View, parts: Parts, count: int, longest: int, other: int) -> Element:
    colour = _COLOURS[shown["incident"]["severity"]]
    more = {**shown["more"], "posts": shown["more"]["posts"] + len(shown["posts"]) - count}
    body = [_rich(parts("headline", shown), other, size="Large", weight="Bolder", color=colour)]
    body += [_rich(text, other) for name in ("status", "facts", "loud", "why") if (text := parts(name, shown))]
    for post in shown["posts"][:count]:
        body.append(_post(post, parts, longest, other))
    if text := parts("more", {**shown, "more": more}):
        body.append(_rich(text, other, isSubtle=True))
    if shown["answer"]:
        items = [_rich(parts("answer", shown), other, isSubtle=True), _rich(shown["answer"]["text"], other)]
        body.append({"type": "Container", "style": "emphasis", "items": items})
    card: Element = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "msteams": {"width": "Full"},
    }
    actions = _actions(shown, parts)
    return card | ({"actions": actions} if actions else {})


def _post(post: View, parts: Parts, longest: int, other: int) -> Element:
    items = [_rich(parts("who", post), other, weight="Bolder")]
    if answered := parts("answered", post):
        items.append(_rich(answered, other, isSubtle=True))
    items.append(_rich(post["text"], longest))
    # In text blocks Teams reads Markdown: this one is ours alone.
    items.append({"type": "TextBlock", "text": f"[{parts.labels['view']}]({post['url']})", "wrap": True})
    return {"type": "Container", "separator": True, "items": items}


def _actions(shown: View, parts: Parts) -> list[Element]:
    found = []
    if shown["links"] and shown["incident"]["status"] != "resolved":
        found = [(parts.labels[name], shown["links"][name]) for name in ("acknowledge", "incident")]
    if shown["answer"]:
        found.append((parts.labels["reply"], shown["answer"]["url"]))
    return [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in found]


def _rich(text: str, longest: int, **look: Any) -> Element:
    """Text that is read as it is: rich text knows no Markdown."""
    run = {"type": "TextRun", "text": cut(text, longest, json_utf8_bytes), **look}
    return {"type": "RichTextBlock", "inlines": [run]}
