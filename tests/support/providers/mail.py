"""A mail server (aiosmtpd) that looks at what it is given as a strict one would."""

import asyncio
import email
import email.policy
from collections import deque
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "hikeshi", "smtp-test"
LONGEST_LINE = 998  # RFC 5322, without its end; 78 is advised, which we keep for headers


@dataclass
class MailServer:
    """`async with MailServer() as server:`; `mails`: what arrived, decoded."""

    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    refusals: deque[str] = field(default_factory=deque)
    """Answers to the next mails' data."""
    refused_recipients: dict[str, str] = field(default_factory=dict)
    asks_for_login: bool = False
    answers_quit: bool = True

    async def __aenter__(self) -> Self:
        self._closing = asyncio.Event()

        def serve() -> SMTP:
            return SMTP(
                self, auth_required=self.asks_for_login, auth_require_tls=False, enable_SMTPUTF8=False,
                authenticator=self._authenticate,
            )  # fmt: skip

        self._server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._closing.set()
        self._server.close()
        assert kind is not None or self.faults == []

    def _authenticate(self, server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=right)  # not handled: the server answers 535 itself

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refusals:
            return self.refusals.popleft()
        raw = envelope.original_content or b""
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self._judge(raw, mail)
        self.raw.append(raw)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if not self.answers_quit:
            await self._closing.wait()
        return "221 Bye"

    def _judge(self, raw: bytes, mail: EmailMessage) -> None:
        head, _, _ = raw.partition(b"\r\n\r\n")
        for line in raw.split(b"\r\n"):
            if len(line) > LONGEST_LINE:
                self.faults.append(f"a line of {len(line)} bytes")
            if b"\n" in line or b"\r" in line:
                self.faults.append("a line break that is none")
        for line in head.split(b"\r\n"):
            if len(line) > 78:
                self.faults.append(f"a header line of {len(line)} bytes: {line!r}")
            if not line.isascii():
                self.faults.append(f"a header that is not ASCII: {line!r}")
        for name in ("Subject", "From", "To", "Date", "Message-ID", "MIME-Version", "Auto-Submitted"):
            if len(mail.get_all(name, [])) != 1:
                self.faults.append(f"{name}: {mail.get_all(name)}")
        if mail.defects or any(part.defects for part in mail.walk()):
            self.faults.append(f"defects: {[part.defects for part in mail.walk()]}")
        kinds = [part.get_content_type() for part in mail.walk()]
        if kinds != ["multipart/alternative", "text/plain", "text/html"]:
            self.faults.append(f"parts: {kinds}")
        if mail["Message-ID"] in [other["Message-ID"] for other in self.mails]:
            self.faults.append(f"{mail['Message-ID']} came twice")
