"""Discord's webhooks: executing one, editing what it posted."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.providers.base import Got, Provider, closed, units

_EMBED = closed(
    {
        "title": {"type": "string"},
        "description": {"type": "string"},
        "color": {"type": "integer", "minimum": 0, "maximum": 0xFFFFFF},
        "url": {"type": "string", "pattern": "^https?://"},
    },
    "description",
)
_MESSAGE = closed(
    {
        "content": {"type": "string"},
        "embeds": {"type": "array", "maxItems": 10, "items": _EMBED},
        "allowed_mentions": closed({"parse": {"type": "array", "maxItems": 0}}, "parse"),
    },
    "content",
)


@dataclass
class Discord(Provider):
    """`messages`: what stands in the channel, by id."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def hook(self) -> str:
        return f"{self.url}/api/webhooks/1/secret"

    def judge(self, got: Got) -> None:
        if got.method == "GET" and got.path == "/api/webhooks/1/secret":
            return
        self.expect(_MESSAGE, got.json, "message")
        self.at_most(2000, units(got.json["content"]), "content")
        whole = 0
        for embed in got.json.get("embeds", []):
            self.at_most(256, units(embed.get("title", "")), "title")
            self.at_most(4096, units(embed["description"]), "description")
            whole += units(embed.get("title", "")) + units(embed["description"])
        self.at_most(6000, whole, "embeds")
        if got.method == "POST" and got.path != "/api/webhooks/1/secret?wait=true":
            self.faults.append(got.path)
        if got.method == "POST" and "allowed_mentions" not in got.json:
            self.faults.append("a post could mention everybody")

    def answer(self, got: Got) -> web.Response:
        if got.method == "GET":
            return web.json_response({"id": "1", "name": "Hikeshi", "channel_id": "5"})
        identity = f"99{len(self.messages)}"
        if got.method == "PATCH":
            identity = got.path.rpartition("/")[2]
            if identity not in self.messages:
                return web.json_response({"message": "Unknown Message", "code": 10008}, status=404)
        self.messages[identity] = got.json
        return web.json_response({"id": identity, "channel_id": "5", **got.json})
