"""Signed, expiring links to an incident's page: pure, so that what a link allows is a table in a test."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

Purpose = Literal["incident", "acknowledge"]
"""What the page opens with: the incident, or the one question whether its reader takes it. Both allow the same."""

Standing = Literal["valid", "expired", "wrong"]

# Ours: an incident that is still open after a week has long been told of again, with a new link.
VALID_FOR: Final = timedelta(days=7)
_MAC_DIGITS: Final = 32  # of 64: 128 bits that nobody guesses, and an address that fits into a text message
_LETTERS: Final[Mapping[Purpose, str]] = {"incident": "i", "acknowledge": "a"}
_PURPOSES: Final[Mapping[str, Purpose]] = {letter: purpose for purpose, letter in _LETTERS.items()}
# Letters, digits and hyphens alone: no mail program and no chat cuts such an address short.
_KEY = re.compile(r"([ia])-([0-9a-f]{1,10})-([0-9a-f]{32})")


class Read(NamedTuple):
    """What a link's key says: how it stands, and for what it was made (`incident` where that can't be told)."""

    standing: Standing
    purpose: Purpose = "incident"


@dataclass(frozen=True, slots=True)
class LinkMaker:
    """Makes links where the settings say under which address people reach the console; None without one."""

    public_url: str | None
    secret: str = field(repr=False)

    def links(self, incident_id: str, now: datetime) -> dict[str, str] | None:
        """The links of a notification, as its payload holds them."""
        return links(incident_id, self.public_url, self.secret, now)


NO_LINKS: Final = LinkMaker(None, "")
"""Where nobody has said how people reach the console."""


def links(incident_id: str, public_url: str | None, secret: str, now: datetime) -> dict[str, str] | None:
    """The addresses of the incident's page and of its acknowledging, signed for a week; None without a public URL."""
    if public_url is None:
        return None
    page = f"{public_url.rstrip('/')}/incidents/{incident_id}"
    return {purpose: f"{page}?key={key(incident_id, purpose, secret, now + VALID_FOR)}" for purpose in _LETTERS}


def key(incident_id: str, purpose: Purpose, secret: str, until: datetime) -> str:
    """What stands in a link: its purpose, when it expires (hex seconds since 1970), and the signature over both."""
    expiry = f"{int(until.timestamp()):x}"
    return f"{_LETTERS[purpose]}-{expiry}-{_mac(secret, incident_id, purpose, expiry)}"


def read(incident_id: str, written: str, secret: str, now: datetime) -> Read:
    """How a link's key stands now. An expired one was ours once; anything else that doesn't fit is wrong."""
    found = _KEY.fullmatch(written)
    if found is None:
        return Read("wrong")
    purpose, expiry = _PURPOSES[found[1]], found[2]
    if not hmac.compare_digest(found[3], _mac(secret, incident_id, purpose, expiry)):
        return Read("wrong")
    return Read("valid" if now.timestamp() < int(expiry, 16) else "expired", purpose)


def form_token(incident_id: str, link_key: str, secret: str) -> str:
    """What a form of the page must bring back: made from its link, so another page can't send the form for a reader."""
    return _mac(secret, incident_id, "form", link_key)


def is_form_token(token: str, incident_id: str, link_key: str, secret: str) -> bool:
    """Whether a form came from the page of this link."""
    # A form in an encoding of its sender's choice may hold lone surrogates.
    return hmac.compare_digest(token.encode(errors="replace"), form_token(incident_id, link_key, secret).encode())


def _mac(secret: str, *parts: str) -> str:
    """Over the parts with their lengths, so that no two lists of parts are signed alike."""
    signed = "".join(f"{len(part)}:{part}" for part in ("hikeshi", *parts))
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()[:_MAC_DIGITS]
