"""Slack's buttons: what a press says, whether a request is Slack's, and what its presser is answered. Pure.

Over Socket Mode (the dispatcher) and over signed requests (the console) the same payload arrives.
"""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

ACTIONS: Final = ("acknowledge", "assign", "not_relevant", "resolve")
TOLERANCE_SECONDS: Final = 300  # Slack's advice: an older request is somebody's replay
MAX_PAYLOAD_BYTES: Final = 262_144  # ours: what Slack sends of a message with its blocks is a tenth
_PREFIX: Final = "hikeshi:"
_REFUSED: Final = {"en": "Not done: {why}", "ja": "できませんでした：{why}"}


class Press(NamedTuple):
    """A button pressed: which, on which incident, by whom, and where to answer."""

    action: str
    incident: str
    by: str
    response_url: str | None


def action_id(name: str) -> str:
    """The id of a button."""
    return f"{_PREFIX}{name}"


def why_not_slack(body: bytes, timestamp: str, signature: str, secret: str, now: datetime) -> str | None:
    """Why a request is not to be believed; None where Slack signed it just now.

    `timestamp` and `signature` are the headers X-Slack-Request-Timestamp and X-Slack-Signature.
    """
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return "it has no timestamp"
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        return "it is not fresh"
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    # Bytes that are no text come as lone surrogates.
    if not hmac.compare_digest(f"v0={digest}".encode(), signature.encode(errors="replace")):
        return "its signature is wrong"
    return None


def payload_of_form(body: bytes) -> Any:
    """The payload of a request over HTTP: JSON in a form's field. None where there is none."""
    try:
        return json.loads(parse_qs(body.decode(), strict_parsing=True)["payload"][0])
    except (ValueError, KeyError):
        return None


def presses(payload: Any) -> list[Press]:
    """The presses of ours in a payload; empty for anything else, a button that only opens a link among it."""
    if not isinstance(payload, dict) or payload.get("type") != "block_actions":
        return []
    by = _presser(payload.get("user"))
    url = payload.get("response_url")
    actions = payload.get("actions")
    found = []
    for action in actions if isinstance(actions, list) else []:
        name = str(action.get("action_id", "")) if isinstance(action, dict) else ""
        incident = action.get("value") if isinstance(action, dict) else None
        if name.removeprefix(_PREFIX) in ACTIONS and name.startswith(_PREFIX) and isinstance(incident, str) and by:
            found.append(Press(name.removeprefix(_PREFIX), incident, by, url if isinstance(url, str) else None))
    return found


def refusal(why: str, language: str) -> dict[str, Any]:
    """What to post to the press's `response_url` where nothing was done; its presser alone sees it.

    After a press that was obeyed nothing need be said: the message itself is edited.
    """
    text = _REFUSED.get(language, _REFUSED["en"]).format(why=why)
    return {"response_type": "ephemeral", "replace_original": False, "text": _escaped(text)}


def _presser(user: Any) -> str:
    """The presser's name, as the timeline names people: `slack:mika`."""
    if not isinstance(user, dict):
        return ""
    name = user.get("username") or user.get("name") or user.get("id")
    return f"slack:{name}" if isinstance(name, str) and name else ""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
