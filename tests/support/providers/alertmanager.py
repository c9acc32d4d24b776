"""Alertmanager's API v2: postable alerts, as its OpenAPI file has them."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.providers.base import Got, Provider, closed

_SET = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
    "additionalProperties": {"type": "string", "minLength": 1},
}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_ALERT = closed(
    {
        "labels": {**_SET, "required": ["alertname"]},
        "annotations": _SET,
        "startsAt": _TIME,
        "endsAt": _TIME,
        "generatorURL": {"type": "string", "format": "uri"},
    },
    "labels",
)


@dataclass
class Alertmanager(Provider):
    """`alerts`: the newest of each set of labels."""

    alerts: dict[tuple[tuple[str, str], ...], dict[str, Any]] = field(default_factory=dict)

    def judge(self, got: Got) -> None:
        if (got.method, got.path) != ("POST", "/api/v2/alerts"):
            self.faults.append(f"{got.method} {got.path}")
        self.expect({"type": "array", "minItems": 1, "items": _ALERT}, got.json, "alerts")
        for alert in got.json:
            if alert["endsAt"] < alert["startsAt"]:
                self.faults.append("an alert that ends before it starts")

    def answer(self, got: Got) -> web.Response:
        for alert in got.json:
            self.alerts[tuple(sorted(alert["labels"].items()))] = alert
        return web.Response()
