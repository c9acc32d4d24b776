"""Discord, by a webhook: a message a notification, edited in place when it no longer holds.

Discord has no idempotency key for webhooks: an attempt that timed out after it was taken may arrive twice.
"""

import re
from typing import Any, Final

from config.channels import DiscordEntry
from workers.dispatcher.channels.http import Reply, call
from workers.dispatcher.channels.plain import COLOURS, Parts, whole_text
from workers.dispatcher.channels.tools import Ref, Tools, needed
from workers.dispatcher.measure import code_units, cut
from workers.dispatcher.outcome import Made, Result
from workers.dispatcher.style import Style
from workers.dispatcher.view import View, read_alert, view

# Discord's, said in characters; we count UTF-16 code units, of which there are never fewer. Title, description and
# content together stay under its 6,000 for all embeds.
MAX_TITLE: Final = 256
MAX_DESCRIPTION: Final = 4096
MAX_CONTENT: Final = 300  # ours, of 2,000, before escaping: it is what a phone's notification shows
_LONGEST_SECONDS: Final = 86_400.0  # ours: who asks for more than a day has not meant it
_MARKUP: Final = re.compile(r"([\\`*_~|>#\[\]()<@:-])")


class DiscordChannel:
    """Posts and edits."""

    def __init__(self, entry: DiscordEntry, receiver: str, tools: Tools) -> None:
        # A thread of the channel is named after the `?`: `…?thread_id=…`.
        self._url, _, self._query = needed(entry.url, "discord.url").partition("?")
        self._url = self._url.rstrip("/")
        self._receiver, self._tools = receiver, tools

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  Discord takes neither
        shown = view(read_alert(body), style)
        parts = Parts(self._tools.templates(), "discord", style.language)
        # `wait`: it answers with the message, whose id is needed to edit it.
        url = "?".join([self._url, "&".join(filter(None, ["wait=true", self._query]))])
        reply = await call(self._tools.client, self._tools.clock, url, message(shown, parts))
        result = judged(reply)
        if result.kind != "delivered":
            return result
        first = await self._tools.book.main(shown["incident"]["id"]) is None
        posts = tuple(post["id"] for post in shown["posts"])
        return result._replace(made=Made({"id": reply.field("id")}, first, posts=posts))

    async def edit(self, ref: Ref, main: bool, body: bytes, style: Style) -> Result:
        """Make the message say what holds now; one without any post left says that it was removed."""
        shown = view(read_alert(body), style, edited=True)
        parts = Parts(self._tools.templates(), "discord", style.language)
        gone = not main and not shown["posts"]
        content = {"content": parts("removed"), "embeds": []} if gone else message(shown, parts)
        url = "?".join(filter(None, [f"{self._url}/messages/{ref['id']}", self._query]))
        reply = await call(self._tools.client, self._tools.clock, url, content, method="PATCH")
        result = judged(reply)
        # 404 with this code: somebody deleted the message, not the webhook.
        return result._replace(kind="client") if reply.field("code") == 10008 else result

    async def ask(self) -> Result:
        """Whether the webhook is there."""
        return judged(await call(self._tools.client, self._tools.clock, self._url, None, method="GET"))


def judged(reply: Reply) -> Result:
    """By the status, with Discord's words; its body says more exactly than its header when to come again."""
    result = reply.saying(reply.field("message"))
    seconds = reply.field("retry_after")
    # JSON as Python reads it knows NaN and numbers without end; less than nothing is no time either.
    if result.kind == "rate_limited" and isinstance(seconds, int | float) and 0 <= seconds <= _LONGEST_SECONDS:
        return result._replace(retry_after_seconds=float(seconds))
    return result


def message(shown: View, parts: Parts) -> dict[str, Any]:
    """The message. It mentions nobody, whatever a post says."""
    first = f": {shown['posts'][0]['text']}" if shown["posts"] else ""
    embed: dict[str, Any] = {
        "title": cut(parts("headline", shown), MAX_TITLE, code_units),
        "description": whole_text(shown, parts, MAX_DESCRIPTION, code_units, escape=escape, headline=False),
        "color": int(COLOURS[shown["incident"]["severity"]].removeprefix("#"), 16),
    }
    if shown["links"]:
        embed["url"] = shown["links"]["incident"]
    return {
        "content": cut(
            escape(cut(f"{parts('headline', shown)}{first}", MAX_CONTENT // 2, code_units)), MAX_CONTENT, code_units
        ),
        "embeds": [embed],
        "allowed_mentions": {"parse": []},
    }


def escape(text: str) -> str:
    """Markup signs as themselves, so that a post is read as it was written."""
    return _MARKUP.sub(r"\\\1", text)
