"""PagerDuty's Events API v2: an incident is one alert there, by its dedup key.

The dedup key makes a repeated attempt harmless: a second trigger is a line in the same alert.
"""

from typing import Any, Final

from config.channels import PagerDutyEntry
from workers.dispatcher.channels.http import Reply, call
from workers.dispatcher.channels.plain import Parts
from workers.dispatcher.channels.tools import Ref, Tools, needed
from workers.dispatcher.measure import characters, cut
from workers.dispatcher.outcome import Made, Result
from workers.dispatcher.style import Style
from workers.dispatcher.view import View, read_alert, view

# PagerDuty's, in characters; its 512 KB for a whole event are far from 20 posts cut to these.
MAX_SUMMARY: Final = 1024
MAX_DEDUP_KEY: Final = 255
MAX_TEXT: Final = 2000  # ours: of a post or an answer among the details
MAX_LINK_TEXT: Final = 250  # ours
_SEVERITIES: Final = {"critical": "critical", "high": "error", "medium": "warning", "low": "info", "none": "info"}


class PagerDutyChannel:
    """Triggers, acknowledges and resolves."""

    def __init__(self, entry: PagerDutyEntry, receiver: str, tools: Tools) -> None:
        self._url = f"{entry.url.rstrip('/')}/v2/enqueue"
        self._key = needed(entry.routing_key, "pagerduty.routing_key")
        self._receiver, self._tools = receiver, tools

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  the dedup key is the incident
        shown = view(read_alert(body), style)
        if shown["reason"] == "all_resolved":
            return await self._enqueue(_short("resolve", shown))
        sent = await self._enqueue(trigger(shown, Parts(self._tools.templates(), "pagerduty", style.language)))
        posts = tuple(post["id"] for post in shown["posts"])
        return sent._replace(made=Made({}, posts=posts)) if sent.kind == "delivered" else sent

    async def edit(self, ref: Ref, main: bool, body: bytes, style: Style) -> Result:  # noqa: ARG002  one message an incident
        """Whoever took or resolved it elsewhere has done so there too. A lease that ended: the next trigger says so."""
        shown = view(read_alert(body), style, edited=True)
        action = {"acknowledged": "acknowledge", "resolved": "resolve", "merged": "resolve"}.get(
            shown["incident"]["status"]
        )
        return await self._enqueue(_short(action, shown)) if action else Result("delivered")

    async def _enqueue(self, event: dict[str, Any]) -> Result:
        reply = await call(self._tools.client, self._tools.clock, self._url, {"routing_key": self._key, **event})
        return judged(reply)


def judged(reply: Reply) -> Result:
    """202 is delivered; 400 says what is wrong with the event, a wrong key among it."""
    errors = reply.field("errors")
    words = "; ".join(map(str, errors)) if isinstance(errors, list) else reply.field("message")
    result = reply.saying(words)
    if result.kind == "client" and "routing key" in result.detail.lower():
        return result._replace(kind="auth")
    return result


def trigger(shown: View, parts: Parts) -> dict[str, Any]:
    """The event that opens the alert there, or adds a line to it."""
    incident = shown["incident"]
    links = [
        {"href": post["url"], "text": cut(parts("who", post), MAX_LINK_TEXT, characters)} for post in shown["posts"]
    ]
    if shown["links"]:
        named = [("incident", "incident"), ("acknowledge", "acknowledge")]
        links = [{"href": shown["links"][name], "text": parts.labels[label]} for name, label in named] + links
    if shown["answer"]:
        links.append({"href": shown["answer"]["url"], "text": parts.labels["reply"]})
    event = {
        **_short("trigger", shown),
        "client": "Hikeshi",
        "links": links,
        "payload": {
            "summary": cut(_summary(shown, parts), MAX_SUMMARY, characters),
            "source": f"hikeshi/{incident['brand']}",
            "severity": _SEVERITIES[incident["severity"]],
            "timestamp": incident["opened_at"],
            "component": incident["brand"],
            "group": incident["key"].rpartition("/")[0],
            "class": incident["kind"],
            "custom_details": _details(shown, parts),
        },
    }
    return event | ({"client_url": shown["links"]["incident"]} if shown["links"] else {})


def _summary(shown: View, parts: Parts) -> str:
    posts = shown["posts"]
    return f"{parts('headline', shown)}: {posts[0]['text']}" if posts else parts("headline", shown)


def _details(shown: View, parts: Parts) -> dict[str, Any]:
    found = {name: parts(name, shown) for name in ("status", "facts", "loud", "why", "more", "answer")}
    found["answer"] = "\n".join(filter(None, (found["answer"], (shown["answer"] or {}).get("text"))))
    details: dict[str, Any] = {name: cut(text, MAX_TEXT, characters) for name, text in found.items() if text}
    details["posts"] = [
        "\n".join(filter(None, (parts("who", p), parts("answered", p), cut(p["text"], MAX_TEXT, characters), p["url"])))
        for p in shown["posts"]
    ]
    return details


def _short(action: str, shown: View) -> dict[str, Any]:
    return {"event_action": action, "dedup_key": f"hikeshi/{shown['incident']['id']}"[:MAX_DEDUP_KEY]}
