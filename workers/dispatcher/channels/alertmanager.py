"""Prometheus Alertmanager's API v2: an incident is one alert, sent again before it would resolve by itself.

Sending the same labels again changes the alert and makes no second one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp

from config.channels import AlertmanagerEntry
from schemas.mention import rfc3339
from workers.dispatcher.channels.http import call
from workers.dispatcher.channels.plain import Parts
from workers.dispatcher.channels.tools import Ref, Tools
from workers.dispatcher.measure import cut, utf8_bytes
from workers.dispatcher.outcome import Made, Result
from workers.dispatcher.style import Style
from workers.dispatcher.view import View, read_alert, view

# Ours: an Alertmanager that has lost its memory knows an incident again after 5 minutes; while we are away for 20, an
# alert stays.
REFRESH_SECONDS: Final = 300.0
STANDS_FOR: Final = timedelta(minutes=20)
# Ours, in bytes: it has no limit itself, and the receivers behind it have the tightest.
MAX_ANNOTATION: Final = 4096
MAX_POSTS: Final = 5
# Ours, in bytes: of a post, tried one after the other until all fit, and of who wrote it or what it answers.
_POST_TEXTS: Final = (3000, 1000, 400)
_MAX_ABOVE: Final = 400


class AlertmanagerChannel:
    """Posts alerts; resolves them by their end."""

    def __init__(self, entry: AlertmanagerEntry, receiver: str, tools: Tools) -> None:
        self._url = f"{entry.url.rstrip('/')}/api/v2/alerts"
        self._receiver, self._tools = receiver, tools
        self._headers: dict[str, str] = {}
        if entry.token is not None:
            self._headers["Authorization"] = f"Bearer {entry.token.get_secret_value()}"
        elif entry.username is not None and entry.password is not None:
            self._headers["Authorization"] = aiohttp.BasicAuth(
                entry.username, entry.password.get_secret_value(), "utf-8"
            ).encode()

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  labels are the identity
        shown = view(read_alert(body), style)
        return await self._post(shown, style, await self._tools.book.main(shown["incident"]["id"]))

    async def edit(self, ref: Ref, main: bool, body: bytes, style: Style) -> Result:  # noqa: ARG002  one message an incident
        """As it stands now; while it is open that is also what keeps it from resolving by itself."""
        return await self._post(view(read_alert(body), style, edited=True), style, ref)

    async def _post(self, shown: View, style: Style, before: Ref | None) -> Result:
        parts = Parts(self._tools.templates(), "alertmanager", style.language)
        now = self._tools.clock.now()
        current = alert(shown, parts, self._receiver, now)
        alerts = [current]
        if before and before.get("labels") != current["labels"]:  # another severity is another alert there
            alerts.insert(0, {**current, "labels": before["labels"], "endsAt": rfc3339(now)})
        reply = await call(self._tools.client, self._tools.clock, self._url, alerts, self._headers)
        result = reply.saying(reply.data if isinstance(reply.data, str) else reply.field("message"))
        if result.kind != "delivered":
            return result
        posts = tuple(post["id"] for post in shown["posts"])
        stands = is_open(shown)
        return result._replace(
            made=Made({"labels": current["labels"]}, posts=posts), again_seconds=REFRESH_SECONDS if stands else None
        )


def is_open(shown: View) -> bool:
    """Whether the alert is to stand."""
    return shown["incident"]["status"] in ("firing", "acknowledged")


def alert(shown: View, parts: Parts, receiver: str, now: datetime) -> dict[str, Any]:
    """The alert. Its labels are its identity: what changes with every post is an annotation."""
    incident = shown["incident"]
    labels = {
        "alertname": "HikeshiIncident" if incident["scope"] != "ops" else "HikeshiTrouble",
        "incident": incident["id"],
        "brand": incident["brand"],
        "kind": incident["kind"],
        "scope": incident["scope"],
        "severity": incident["severity"],
        "receiver": receiver,
    }
    if shown["sample"]:
        labels["sample"] = "true"
    return {
        "labels": labels,
        "annotations": _annotations(shown, parts),
        "startsAt": incident["opened_at"],
        "endsAt": rfc3339(now + STANDS_FOR if is_open(shown) else now),
        **({"generatorURL": shown["links"]["incident"]} if shown["links"] else {}),
    }


def _annotations(shown: View, parts: Parts) -> Mapping[str, str]:
    posts, count = _fitting(shown["posts"], parts)
    more = {**shown["more"], "posts": shown["more"]["posts"] + len(shown["posts"]) - count}
    answer = shown["answer"] or {}
    found = {
        "summary": parts("headline", shown),
        "status": parts("status", shown),
        "description": parts("facts", shown),
        "reasons": parts("why", shown),
        "loud": parts("loud", shown),
        "posts": posts,
        "more": parts("more", {**shown, "more": more}),
        "answer": "\n".join(filter(None, (parts("answer", shown), answer.get("text")))),
        "reply": answer.get("url", ""),
        "acknowledge": (shown["links"] or {}).get("acknowledge", ""),
    }
    links = ("reply", "acknowledge")
    return {k: v if k in links else cut(v, MAX_ANNOTATION, utf8_bytes) for k, v in found.items() if v}


def _fitting(posts: Sequence[View], parts: Parts) -> tuple[str, int]:
    """As many posts as fit, cut as little as need be, and how many those are. A post's link is never cut."""
    for count in range(min(len(posts), MAX_POSTS), 0, -1):
        for longest in _POST_TEXTS:
            text = "\n\n".join(_post(post, parts, longest) for post in posts[:count])
            if utf8_bytes(text) <= MAX_ANNOTATION:
                return text, count
    return "", 0


def _post(post: View, parts: Parts, longest: int) -> str:
    above = (cut(parts(name, post), _MAX_ABOVE, utf8_bytes) for name in ("who", "answered"))
    return "\n".join(filter(None, (*above, cut(post["text"], longest, utf8_bytes), post["url"])))
