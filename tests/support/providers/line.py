"""LINE's Messaging API: pushing messages, each retry key once."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

from tests.support.providers.base import Got, Provider, closed, units

TOKEN, TO = "line-test", "C0123456789abcdef0123456789abcdef"
_TEXT = closed({"type": {"const": "text"}, "text": {"type": "string", "minLength": 1}}, "type", "text")
_PUSH = closed(
    {"to": {"const": TO}, "messages": {"type": "array", "minItems": 1, "maxItems": 5, "items": _TEXT}}, "to", "messages"
)


@dataclass
class Line(Provider):
    """`pushed`: what people got, by retry key."""

    pushed: dict[str, Any] = field(default_factory=dict)

    def judge(self, got: Got) -> None:
        if got.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.faults.append("no token of ours")
        if (got.method, got.path) == ("GET", "/v2/bot/info"):
            return
        if (got.method, got.path) != ("POST", "/v2/bot/message/push"):
            self.faults.append(f"{got.method} {got.path}")
        try:
            UUID(got.headers.get("X-Line-Retry-Key", ""))
        except ValueError:
            self.faults.append("the retry key is no UUID")
        self.expect(_PUSH, got.json, "push")
        for message in got.json["messages"]:
            self.at_most(5000, units(message["text"]), "text")

    def answer(self, got: Got) -> web.Response:
        if got.method == "GET":
            return web.json_response({"userId": "U1", "basicId": "@acme", "displayName": "Acme"})
        key = got.headers["X-Line-Retry-Key"]
        if key in self.pushed:
            if self.pushed[key] != got.json:
                self.faults.append("one retry key, two messages")
            return web.json_response({"message": "The retry key is already accepted"}, status=409)
        self.pushed[key] = got.json
        return web.json_response({"sentMessages": [{"id": "1"}]})
