"""Slack's Web API, its blocks, and Socket Mode."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.providers.base import Got, Provider, closed, units

TOKEN, APP_TOKEN = "xoxb-test", "xapp-test"

_PLAIN = closed(
    {"type": {"const": "plain_text"}, "text": {"type": "string", "minLength": 1}, "emoji": {"type": "boolean"}},
    "type",
    "text",
)
_STYLE = closed({name: {"type": "boolean"} for name in ("bold", "italic", "strike", "code")})
_TEXT = closed({"type": {"const": "text"}, "text": {"type": "string", "minLength": 1}, "style": _STYLE}, "type", "text")
_LINK = closed(
    {
        "type": {"const": "link"},
        "url": {"type": "string", "pattern": "^https?://", "maxLength": 3000},
        "text": {"type": "string"},
        "style": _STYLE,
    },
    "type",
    "url",
)
_RICH = closed(
    {
        "type": {"enum": ["rich_text_section", "rich_text_quote"]},
        "elements": {"type": "array", "minItems": 1, "items": {"oneOf": [_TEXT, _LINK]}},
    },
    "type",
    "elements",
)
_BUTTON = closed(
    {
        "type": {"const": "button"},
        "text": _PLAIN,
        "action_id": {"type": "string", "minLength": 1, "maxLength": 255},
        "value": {"type": "string", "maxLength": 2000},
        "url": {"type": "string", "maxLength": 3000},
        "style": {"enum": ["primary", "danger"]},
    },
    "type",
    "text",
    "action_id",
)
_BLOCK = {
    "oneOf": [
        closed({"type": {"const": "header"}, "text": _PLAIN}, "type", "text"),
        closed({"type": {"const": "section"}, "text": _PLAIN}, "type", "text"),
        closed({"type": {"const": "divider"}}, "type"),
        closed(
            {"type": {"const": "rich_text"}, "elements": {"type": "array", "minItems": 1, "items": _RICH}},
            "type",
            "elements",
        ),
        closed(
            {
                "type": {"const": "context"},
                "elements": {"type": "array", "minItems": 1, "maxItems": 10, "items": _PLAIN},
            },
            "type",
            "elements",
        ),
        closed(
            {
                "type": {"const": "actions"},
                "elements": {"type": "array", "minItems": 1, "maxItems": 25, "items": _BUTTON},
            },
            "type",
            "elements",
        ),
    ]
}
_CONTENT = {
    "channel": {"type": "string", "pattern": "^[CGD][A-Z0-9]+$"},
    "text": {"type": "string", "minLength": 1},
    "blocks": {"type": "array", "minItems": 1, "maxItems": 50, "items": _BLOCK},
}
_POST = closed(
    {
        **_CONTENT,
        "thread_ts": {"type": "string"},
        "reply_broadcast": {"type": "boolean"},
        "unfurl_links": {"const": False},
        "unfurl_media": {"const": False},
    },
    "channel",
    "text",
    "blocks",
)
_UPDATE = closed({**_CONTENT, "ts": {"type": "string"}}, "channel", "ts", "text", "blocks")


@dataclass
class Slack(Provider):
    """`messages`: what stands in the channel now, by its ts. `presses`: sockets that get what a test presses."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    said: list[Any] = field(default_factory=list)
    """What was posted to a press's `response_url`."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/link", self._socket)

    def judge(self, got: Got) -> None:
        if got.path.startswith("/respond/"):
            self.said.append(got.json)
            return
        token = APP_TOKEN if got.path.endswith("apps.connections.open") else TOKEN
        if got.headers.get("Authorization") != f"Bearer {token}":
            self.faults.append(f"{got.path}: no token of ours")
        if got.path.endswith("auth.test"):
            return
        if got.path.endswith("chat.postMessage"):
            self.expect(_POST, got.json, "postMessage")
            self._judge_lengths(got.json)
            self._judge_second(got.json)
        elif got.path.endswith("chat.update"):
            self.expect(_UPDATE, got.json, "update")
            self._judge_lengths(got.json)
        elif not got.path.endswith("apps.connections.open"):
            self.faults.append(f"{got.path} is no method that is expected")

    def _judge_lengths(self, sent: dict[str, Any]) -> None:
        self.at_most(4000, units(sent["text"]), "text")
        self.at_most(13_200, units(json.dumps(sent["blocks"], ensure_ascii=False)), "all blocks")
        for block in sent["blocks"]:
            if block["type"] in ("header", "section"):
                limit = 150 if block["type"] == "header" else 3000
                self.at_most(limit, units(block["text"]["text"]), block["type"])
            for element in block.get("elements", []):
                for inner in element.get("elements", []):
                    self.at_most(3000, units(inner.get("text", "")), "rich text")
        ids = [e["action_id"] for b in sent["blocks"] if b["type"] == "actions" for e in b["elements"]]
        if len(ids) != len(set(ids)):
            self.faults.append(f"an action_id twice: {ids}")

    def _judge_second(self, sent: dict[str, Any]) -> None:
        if "thread_ts" in sent:
            if sent["thread_ts"] not in self.messages:
                self.faults.append("a reply to a message that is not there")
            return
        about = values(sent)
        if about and any(values(message) & about for message in self.messages.values() if "thread_ts" not in message):
            self.faults.append("a second message of the same incident where the first was to be edited")

    def answer(self, got: Got) -> web.Response:
        if got.path.endswith("apps.connections.open"):
            return web.json_response({"ok": True, "url": f"{self.url.replace('http', 'ws')}/link?ticket=1"})
        if got.path.startswith("/respond/") or got.path.endswith("auth.test"):
            return web.json_response({"ok": True})
        if got.path.endswith("chat.update") and got.json["ts"] not in self.messages:
            return web.json_response({"ok": False, "error": "message_not_found"})
        ts = got.json.get("ts") or f"17640000{len(self.messages):02d}.000100"
        kept = self.messages.get(ts, {})
        self.messages[ts] = {**kept, **got.json}
        return web.json_response({"ok": True, "channel": got.json["channel"], "ts": ts, "message": {}})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        await socket.send_json({"type": "hello", "num_connections": len(self.sockets), "connection_info": {}})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                told = json.loads(message.data)
                self.expect(closed({"envelope_id": {"type": "string"}}, "envelope_id"), told, "acknowledgement")
                self.acknowledged.append(told.get("envelope_id"))
        return socket

    async def press(self, action_id: str, value: str, user: str = "mika", *, over: int = -1) -> str:
        """Press a button, as Slack tells it over a socket; returns the envelope's id."""
        envelope = f"envelope-{len(self.acknowledged)}-{action_id}"
        payload = {
            "type": "block_actions",
            "user": {"id": "U1", "username": user, "name": user, "team_id": "T1"},
            "api_app_id": "A1",
            "container": {"type": "message", "channel_id": "C0123456789"},
            "response_url": f"{self.url}/respond/1",
            "actions": [{"type": "button", "action_id": action_id, "block_id": "b", "value": value, "action_ts": "1"}],
        }
        await self.sockets[over].send_json(
            {"envelope_id": envelope, "payload": payload, "type": "interactive", "accepts_response_payload": False}
        )
        await asyncio.sleep(0)
        return envelope


def values(message: dict[str, Any]) -> set[str]:
    """The incidents that a message's buttons are about."""
    return {
        element["value"]
        for block in message.get("blocks", [])
        if block["type"] == "actions"
        for element in block["elements"]
        if "value" in element
    }


def as_text(message: dict[str, Any]) -> str:
    """A message's blocks as a person reads them, roughly."""
    lines: list[str] = []
    for block in message["blocks"]:
        kind = block["type"]
        if kind == "divider":
            lines.append("─" * 40)
        elif kind in ("header", "section"):
            lines.append(("# " if kind == "header" else "") + block["text"]["text"])
        elif kind == "context":
            lines += [element["text"] for element in block["elements"]]
        elif kind == "actions":
            lines.append("  ".join(f"[{element['text']['text']}]" for element in block["elements"]))
        else:
            for part in block["elements"]:
                mark = "> " if part["type"] == "rich_text_quote" else ""
                text = "".join(e.get("text") or e.get("url", "") for e in part["elements"])
                lines += [mark + line for line in text.split("\n")]
    return "\n".join(lines)
