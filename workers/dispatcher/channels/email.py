"""Mail over SMTP: text and HTML, the mails of an incident in one thread.

The Message-ID is made of the notification's key, so that a repeated attempt is the same mail; most mailboxes show it
once. What was sent can't be changed: what changes comes as a mail in the thread.
"""

import asyncio
import hashlib
import ssl
from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any, Final

import aiosmtplib

from config.channels import EmailEntry
from workers.dispatcher.channels.plain import COLOURS, Parts
from workers.dispatcher.channels.tools import Ref, Tools
from workers.dispatcher.measure import characters, cut, graphemes
from workers.dispatcher.outcome import Class, Made, Result
from workers.dispatcher.style import Style
from workers.dispatcher.view import View, read_alert, view

SEND_SECONDS: Final = 10.0  # ours, as a webhook's: the receiver's lease is longer
QUIT_SECONDS: Final = 1.0  # ours: what it is worth to part politely
MAX_SUBJECT: Final = 120  # ours, in what a reader sees as characters: phones show 40
# Ours, in characters, of all posts' texts together: the longest post of X (25,000) fits whole, and twenty of them, with
# every sign escaped, stay under what a template may fill (`LARGEST_PART`).
MAX_TEXTS: Final = 25_000
PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


class EmailChannel:
    """One connection a mail: alerts are few, and a connection kept open would be closed when it is needed."""

    def __init__(self, entry: EmailEntry, receiver: str, tools: Tools) -> None:
        self._entry, self._receiver, self._tools = entry, receiver, tools

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  mail traces itself
        shown = fitted(view(read_alert(body), style))
        parts = Parts(self._tools.templates(), "email", style.language)
        html = Parts(self._tools.templates(), "email_html", style.language)
        before = await self._tools.book.main(shown["incident"]["id"])
        mail, ref = compose(self._entry, self._receiver, shown, parts, html, key, before, self._tools.clock.now())
        try:
            refused = await self._deliver(mail)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return failure_of(error)
        detail = f"refused for {', '.join(sorted(refused))}" if refused else ""
        return Result("delivered", detail, made=Made(ref, editable=False))

    async def _deliver(self, mail: EmailMessage) -> dict[str, Any]:
        """Hand it over; returns whom the server refused, if it took it for others."""
        entry = self._entry
        server = aiosmtplib.SMTP(
            hostname=entry.server,
            port=entry.port or PORTS[entry.security],
            username=entry.username,
            password=entry.password.get_secret_value() if entry.password is not None else None,
            use_tls=entry.security == "tls",
            start_tls=entry.security == "starttls",
            timeout=SEND_SECONDS,
            tls_context=ssl.create_default_context() if entry.security != "none" else None,
        )
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await server.connect()
                refused, _ = await server.send_message(mail)
            # What it took is delivered, however it parts: else the mail would go again and again.
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await server.quit(timeout=QUIT_SECONDS)
        finally:
            server.close()
        return dict(refused)


def fitted(shown: View) -> View:
    """With its posts cut, each to the same length, where all of them together are too long for a mail."""
    posts = shown["posts"]
    if sum(len(post["text"]) for post in posts) <= MAX_TEXTS:
        return shown
    longest = MAX_TEXTS // len(posts)
    return {**shown, "posts": [{**post, "text": cut(post["text"], longest, characters)} for post in posts]}


def compose(
    entry: EmailEntry,
    receiver: str,
    shown: View,
    parts: Parts,
    html: Parts,
    key: str,
    before: Ref | None,
    now: datetime,
) -> tuple[EmailMessage, dict[str, Any]]:
    """The mail, and what the next one of the incident must know of it.

    The subject stays, so that mail programs keep the thread; a higher severity changes it, and may begin a new one.
    """
    incident = shown["incident"]
    subject = cut(" ".join(parts("subject", shown).split()), MAX_SUBJECT, graphemes)
    known = before is not None and before.get("severity") == incident["severity"]
    subject = before["subject"] if before is not None and known else subject
    name, address = parseaddr(entry.sender)
    domain = address.rpartition("@")[2]
    root = before["root"] if before is not None else message_id(f"{incident['id']}/{receiver}", domain)
    own = message_id(key, domain) if before is not None else root
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = subject if before is None else f"Re: {subject}"
    mail["From"] = Address(display_name=name, addr_spec=address)
    mail["To"] = [_address(one) for one in entry.to]
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = own
    if before is not None:
        mail["In-Reply-To"] = before["last"]
        mail["References"] = " ".join(dict.fromkeys([root, before["last"]]))
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    mail["Content-Language"] = parts.language
    if incident["severity"] in ("high", "critical") and incident["status"] == "firing":
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    mail.set_content(parts("text", shown) + "\n", cte="base64" if not parts("text", shown).isascii() else None)
    mail.add_alternative(html("html", shown, colour=COLOURS[incident["severity"]]) + "\n", subtype="html", cte="base64")
    return mail, {"root": root, "last": own, "subject": subject, "severity": incident["severity"]}


def message_id(name: str, domain: str) -> str:
    """A Message-ID that is the same for the same name."""
    return f"<{hashlib.sha256(name.encode()).hexdigest()[:32]}@{domain}>"


def failure_of(error: Exception) -> Result:
    """The class of a failure: what the server refuses for good, refuses for now, and where it was not reached."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return Result("auth", f"the server refuses the log-in ({error.code})")
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [one.code for one in error.recipients]
        kind: Class = "server" if any(code < 500 for code in codes) else "client"
        return Result(kind, f"the server refuses every recipient ({', '.join(map(str, codes))})")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        # 421 and 45x: busy, full, too many; 5xx: it will not take this mail.
        return Result("server" if error.code < 500 else "client", f"SMTP {error.code}: {error.message}"[:200])
    if isinstance(error, TimeoutError | aiosmtplib.SMTPTimeoutError):
        return Result("timed_out", "no answer in time")
    return Result("server", f"could not be reached ({type(error).__name__})")


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    return Address(display_name=name, addr_spec=address)
