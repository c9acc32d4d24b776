"""A workflow of Microsoft Teams that takes adaptive cards of version 1.4."""

from dataclasses import dataclass

from aiohttp import web

from tests.support.providers.base import Got, Provider, closed

_RUN = closed(
    {
        "type": {"const": "TextRun"},
        "text": {"type": "string"},
        "weight": {"enum": ["Bolder"]},
        "isSubtle": {"type": "boolean"},
        "size": {"enum": ["Large"]},
        "color": {"enum": ["Default", "Good", "Warning", "Attention"]},
    },
    "type",
    "text",
)
_RICH = closed(
    {"type": {"const": "RichTextBlock"}, "inlines": {"type": "array", "items": _RUN, "minItems": 1}}, "type", "inlines"
)
_TEXT = closed(
    {"type": {"const": "TextBlock"}, "text": {"type": "string"}, "wrap": {"type": "boolean"}}, "type", "text"
)
_CONTAINER = closed(
    {
        "type": {"const": "Container"},
        "separator": {"type": "boolean"},
        "style": {"enum": ["emphasis"]},
        "items": {"type": "array", "items": {"oneOf": [_RICH, _TEXT]}},
    },
    "type",
    "items",
)
_OPEN = closed(
    {
        "type": {"const": "Action.OpenUrl"},
        "title": {"type": "string"},
        "url": {"type": "string", "pattern": "^https?://"},
    },
    "type",
    "url",
)
_CARD = closed(
    {
        "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
        "type": {"const": "AdaptiveCard"},
        "version": {"const": "1.4"},
        "body": {"type": "array", "items": {"oneOf": [_RICH, _TEXT, _CONTAINER]}},
        "actions": {"type": "array", "items": _OPEN, "maxItems": 6},
        "msteams": {"type": "object"},
    },
    "type",
    "version",
    "body",
)
_ATTACHMENT = closed(
    {
        "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
        "contentUrl": {"type": "null"},
        "content": _CARD,
    },
    "contentType",
    "content",
)
_MESSAGE = closed(
    {
        "type": {"const": "message"},
        "attachments": {"type": "array", "minItems": 1, "maxItems": 1, "items": _ATTACHMENT},
    },
    "type",
    "attachments",
)


@dataclass
class Teams(Provider):
    """Answers 202, as a workflow does, whatever becomes of the card."""

    @property
    def hook(self) -> str:
        return f"{self.url}/workflows/1/triggers/manual/paths/invoke?sig=secret"

    def judge(self, got: Got) -> None:
        self.expect(_MESSAGE, got.json, "message")
        self.at_most(21_000, len(got.raw), "request in bytes")
        if "charset=utf-8" not in got.headers["Content-Type"]:
            self.faults.append("without its charset Teams counts twice the bytes")

    def answer(self, got: Got) -> web.Response:
        return web.Response(status=202)
