"""PagerDuty's Events API v2: what it documents of an event."""

from dataclasses import dataclass, field

from aiohttp import web

from tests.support.providers.base import Got, Provider, closed

KEY = "0123456789abcdef0123456789abcdef"
_LINK = closed({"href": {"type": "string", "pattern": "^https?://"}, "text": {"type": "string"}}, "href")
_PAYLOAD = closed(
    {
        "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
        "source": {"type": "string", "minLength": 1},
        "severity": {"enum": ["critical", "error", "warning", "info"]},
        "timestamp": {"type": "string"},
        "component": {"type": "string"},
        "group": {"type": "string"},
        "class": {"type": "string"},
        "custom_details": {"type": "object"},
    },
    "summary",
    "source",
    "severity",
)
_HEAD = {
    "routing_key": {"const": KEY},
    "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
}
_TRIGGER = closed(
    {
        **_HEAD,
        "event_action": {"const": "trigger"},
        "payload": _PAYLOAD,
        "client": {"type": "string"},
        "client_url": {"type": "string"},
        "links": {"type": "array", "items": _LINK},
    },
    "routing_key",
    "event_action",
    "payload",
    "dedup_key",
)
_SHORT = closed(
    {**_HEAD, "event_action": {"enum": ["acknowledge", "resolve"]}}, "routing_key", "event_action", "dedup_key"
)


@dataclass
class PagerDuty(Provider):
    """`alerts`: how each stands, by its dedup key."""

    alerts: dict[str, str] = field(default_factory=dict)

    def judge(self, got: Got) -> None:
        if (got.method, got.path) != ("POST", "/v2/enqueue"):
            self.faults.append(f"{got.method} {got.path}")
        self.expect(_TRIGGER if got.json.get("event_action") == "trigger" else _SHORT, got.json, "event")
        self.at_most(512 * 1024, len(got.raw), "event")

    def answer(self, got: Got) -> web.Response:
        key, action = got.json["dedup_key"], got.json["event_action"]
        after = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}[action]
        if action == "trigger" and self.alerts.get(key) == "acknowledged":
            after = "acknowledged"  # a further trigger is a line in its log
        if action == "trigger" or key in self.alerts:
            self.alerts[key] = after
        body = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(body, status=202)
