"""PagerDuty's webhooks (V3): whether a request is PagerDuty's, and what somebody did there. Pure."""

import hashlib
import hmac
from typing import Any, Final, NamedTuple

import msgspec

# What PagerDuty calls it, and what it is here.
_ACTS: Final = {"incident.acknowledged": "acknowledge", "incident.resolved": "resolve"}
_KEY: Final = "hikeshi/"  # of the alerts that we trigger: the incident's id follows


class Deed(NamedTuple):
    """Somebody acknowledged or resolved one of our incidents there."""

    action: str
    incident: str
    by: str


def is_pagerduty(body: bytes, signatures: str, secret: str) -> bool:
    """Whether PagerDuty signed it (header X-PagerDuty-Signature: several while a secret is being changed)."""
    digest = "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    parts = signatures.encode(errors="replace").split(b",")  # bytes that are no text come as lone surrogates
    return any(hmac.compare_digest(digest.encode(), part.strip()) for part in parts)


def deed(body: bytes) -> Deed | None:
    """What was done to an incident of ours by a person; None for anything else, our own events coming back among it."""
    try:
        event = _block(_block(msgspec.json.decode(body)).get("event"))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    action = _ACTS.get(str(event.get("event_type", "")))
    agent, data = _block(event.get("agent")), _block(event.get("data"))
    key = str(data.get("incident_key") or "")
    if action is None or not key.startswith(_KEY) or agent.get("type") != "user_reference":
        return None
    name = agent.get("summary") or agent.get("id")
    return Deed(action, key.removeprefix(_KEY), f"pagerduty:{name}") if isinstance(name, str) else None


def _block(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
