"""Where each receiver is reached, and what its channel can't promise: for `check`, which sends nothing."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from config.channels import AppriseEntry, DiscordEntry, EmailEntry, TeamsEntry
from config.durations import format_duration
from config.receiver import PROVIDER_PACES, Receiver
from workers.dispatcher.channels.email import PORTS

_TWICE: Final = "no idempotency key: what it took just before a time-out may arrive twice"
NOTES: Final[Mapping[str, str]] = {
    "console": "",
    "webhook": "repeats carry the same Idempotency-Key",
    "slack": f"edited in place; {_TWICE}",
    "pagerduty": "a repeat is the same alert, by its dedup key",
    "alertmanager": "a repeat is the same alert, by its labels; sent again every 5 minutes while open",
    "email": "a repeat has the same Message-ID; what was sent can't be changed",
    "discord": f"edited in place; {_TWICE}",
    "teams": f"what was sent can't be changed; {_TWICE}; a workflow says 202 before the card is posted",
    "line": "a repeat has the same retry key; what was pushed can't be changed",
    "apprise": f"apprise says neither why it failed nor when to try again, and can't change what was sent; {_TWICE}",
}


class Address(NamedTuple):
    """A host and port, and whether TLS begins at once."""

    host: str
    port: int
    tls: bool


def address(receiver: Receiver) -> Address | None:
    """Where something must listen for the receiver to get anything; None where only sending can tell."""
    settings = receiver.settings
    if isinstance(settings, EmailEntry):
        return Address(settings.server, settings.port or PORTS[settings.security], settings.security == "tls")
    if isinstance(settings, AppriseEntry):
        return None
    url = receiver.webhook.url if receiver.webhook is not None else getattr(settings, "url", None)
    if isinstance(settings, DiscordEntry | TeamsEntry):
        url = settings.url.get_secret_value() if settings.url is not None else None
    parts = urlsplit(url or "")
    if not parts.hostname:
        return None
    tls = parts.scheme == "https"
    return Address(parts.hostname, parts.port or (443 if tls else 80), tls)


def notes(receiver: Receiver) -> str:
    """What its reader should know: its pace and whose limit that is, and what a repeat does."""
    throttle = receiver.throttle
    found = []
    if throttle is not None:
        pace = PROVIDER_PACES.get(receiver.kind)
        whose = f" ({pace.whose})" if pace is not None and pace.throttle == throttle else ""
        found.append(f"{throttle.count} in {format_duration(throttle.per)}{whose}")
    if NOTES[receiver.kind]:
        found.append(NOTES[receiver.kind])
    return "; ".join(found)
