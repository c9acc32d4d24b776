"""LINE's Messaging API: a text is pushed to a person, group or room. What was pushed can't be changed.

The retry key makes a repeated attempt harmless: LINE answers 409 and pushes nothing for 24 hours.
"""

from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from config.channels import LineEntry
from workers.dispatcher.channels.http import call
from workers.dispatcher.channels.plain import Parts, whole_text
from workers.dispatcher.channels.tools import Tools, needed
from workers.dispatcher.measure import code_units
from workers.dispatcher.outcome import Result
from workers.dispatcher.style import Style
from workers.dispatcher.view import read_alert, view

MAX_TEXT: Final = 5000  # LINE's, in UTF-16 code units


class LineChannel:
    """Pushes one text a notification."""

    def __init__(self, entry: LineEntry, receiver: str, tools: Tools) -> None:
        self._api = f"{entry.url.rstrip('/')}/v2/bot"
        self._token, self._to = needed(entry.token, "line.token"), entry.to
        self._receiver, self._tools = receiver, tools

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  LINE traces nothing
        shown = view(read_alert(body), style)
        parts = Parts(self._tools.templates(), "line", style.language)
        payload: dict[str, Any] = {
            "to": self._to,
            "messages": [{"type": "text", "text": whole_text(shown, parts, MAX_TEXT, code_units)}],
        }
        headers = {"Authorization": f"Bearer {self._token}", "X-Line-Retry-Key": retry_key(key)}
        reply = await call(self._tools.client, self._tools.clock, f"{self._api}/message/push", payload, headers)
        if reply.status == 409:
            return Result("delivered", "LINE had it already")
        return reply.saying(reply.field("message"))

    async def ask(self) -> Result:
        """Whether the token is good."""
        headers = {"Authorization": f"Bearer {self._token}"}
        reply = await call(self._tools.client, self._tools.clock, f"{self._api}/info", None, headers, method="GET")
        return reply.saying(reply.field("message"))


def retry_key(key: str) -> str:
    """The notification's key as a UUID, which is what LINE takes."""
    try:
        return str(UUID(hex=key))
    except ValueError:
        return str(uuid5(NAMESPACE_URL, key))
