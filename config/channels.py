"""The channels of `routes.yaml`, each with its keys, and how their secrets are read from files of their own."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, NamedTuple

from pydantic import Field, SecretStr, StrictStr, field_validator
from pydantic_core import PydanticCustomError

from config.documents import Document, Place
from config.fields import Port, Text, WebAddress, checked_web_address
from config.refusals import refusal
from config.secrets import read_secret
from config.validation import Strict

ChannelKind = Literal[
    "console", "webhook", "slack", "pagerduty", "alertmanager", "email", "discord", "teams", "line", "apprise"
]

_SLACK_CHANNEL: Final = re.compile("[CGD][A-Z0-9]{6,20}")
_LINE_TARGET: Final = re.compile("[UCR][0-9a-f]{32}")
_ROUTING_KEY: Final = re.compile("[A-Za-z0-9]{32}")
_ADDRESS: Final = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")
_SLACK_REMEDY: Final = "copy it from the app's settings at api.slack.com"
_MAIL_REMEDY: Final = "write for example `oncall@example.com`, or `Hikeshi <hikeshi@example.com>`"


def _anything(_: str) -> None:
    """A secret that only its provider can judge."""


def _one_line(value: str) -> None:
    """A secret that goes into a request's header."""
    if not all(character.isprintable() for character in value):
        raise refusal(
            "holds a line break or another character that can't be seen", "keep the secret alone, on one line"
        )


def _bot_token(value: str) -> None:
    _one_line(value)
    if not value.startswith("xox"):
        raise refusal("is not a bot token (xoxb-…)", _SLACK_REMEDY)


def _app_token(value: str) -> None:
    _one_line(value)
    if not value.startswith("xapp-"):
        raise refusal("is not an app-level token (xapp-…)", _SLACK_REMEDY)


def _routing_key(value: str) -> None:
    if not _ROUTING_KEY.fullmatch(value):
        raise refusal("is not an integration key", "copy the 32 letters and digits of its Events API v2")


def _secret_address(value: str) -> None:
    checked_web_address(value)


def _workflow(value: str) -> None:
    checked_web_address(value)
    if "webhook.office.com" in value:
        raise refusal(
            "is an Office 365 connector, which Microsoft has retired",
            "make a workflow in Teams: Workflows, Post to a channel when a webhook request is received",
        )


def _apprise_url(value: str) -> None:
    import apprise  # here, since only those who use it should wait for its hundred services to load

    # It logs what it refuses, whole: the URL is a secret.
    its_log = logging.getLogger("apprise")
    its_log.disabled = True
    try:
        service = apprise.Apprise.instantiate(value, suppress_exceptions=True)
    finally:
        its_log.disabled = False
    if service is None:
        raise refusal("is no URL that apprise can use", "write it as apprise's list of services shows it")


class Secret(NamedTuple):
    """Whether a channel's secret must be there, and what refuses one that can't be right (never showing it)."""

    needed: bool
    check: Callable[[str], None] = _anything


class ChannelEntry(Strict):
    """A channel's keys. `secrets`: those that may stand in a file of their own, as `…_file`."""

    secrets: ClassVar[Mapping[str, Secret]] = {}


class ConsoleEntry(ChannelEntry):
    """The terminal: nothing to set."""


class WebhookEntry(ChannelEntry):
    """An address that gets JSON, and the secret that signs it."""

    secrets: ClassVar[Mapping[str, Secret]] = {"secret": Secret(False)}

    url: WebAddress = Field(examples=["https://example.com/hook"])
    """Where to post."""
    secret: SecretStr | None = None
    """Signs each request, so that the receiver knows it is ours."""
    secret_file: StrictStr | None = None
    """A file that holds the secret alone; a relative name is from the folder of this file on."""

    @field_validator("secret")
    @classmethod
    def _not_empty(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not secret.get_secret_value().strip():
            raise refusal("is empty", "write the secret, or leave the key out to send unsigned")
        return secret


class SlackEntry(ChannelEntry):
    """A channel of Slack, written to by an app of yours."""

    secrets: ClassVar[Mapping[str, Secret]] = {
        "token": Secret(True, _bot_token),
        "app_token": Secret(False, _app_token),
        "signing_secret": Secret(False),
    }

    channel: str = Field(examples=["C0123456789"])
    """The channel's id (in its details, at the bottom)."""
    token: SecretStr | None = None
    """The app's bot token (xoxb-…), with the scope chat:write."""
    token_file: StrictStr | None = Field(default=None, examples=["/run/secrets/slack"])
    """A file that holds the bot token alone."""
    app_token: SecretStr | None = None
    """The app-level token (xapp-…, scope connections:write): its buttons then work through Socket Mode."""
    app_token_file: StrictStr | None = Field(default=None, examples=["/run/secrets/slack-app"])
    """A file that holds the app-level token alone."""
    signing_secret: SecretStr | None = None
    """The app's signing secret, where its buttons come over HTTP to the console instead."""
    signing_secret_file: StrictStr | None = None
    """A file that holds the signing secret alone."""
    url: WebAddress = "https://slack.com/api"
    """Where Slack's Web API is."""

    @field_validator("channel")
    @classmethod
    def _an_id(cls, channel: str) -> str:
        if not _SLACK_CHANNEL.fullmatch(channel):
            raise refusal(
                f"{channel!r} is not a channel's id",
                "copy the id at the bottom of the channel's details, for example `C0123456789`; a name can change",
            )
        return channel


class PagerDutyEntry(ChannelEntry):
    """A service of PagerDuty, through its integration Events API v2."""

    secrets: ClassVar[Mapping[str, Secret]] = {
        "routing_key": Secret(True, _routing_key),
        "webhook_secret": Secret(False),
    }

    routing_key: SecretStr | None = None
    """The integration's key, 32 letters and digits."""
    routing_key_file: StrictStr | None = Field(default=None, examples=["/run/secrets/pagerduty"])
    """A file that holds the key alone."""
    webhook_secret: SecretStr | None = None
    """The secret of a webhook (V3) to the console's /hooks/pagerduty: who takes it there has taken it here too."""
    webhook_secret_file: StrictStr | None = None
    """A file that holds the webhook's secret alone."""
    url: WebAddress = "https://events.pagerduty.com"
    """Where its events go; in the EU https://events.eu.pagerduty.com."""


class AlertmanagerEntry(ChannelEntry):
    """A Prometheus Alertmanager, which has routes, silences and receivers of its own."""

    secrets: ClassVar[Mapping[str, Secret]] = {
        "token": Secret(False, _one_line), "password": Secret(False),
    }  # fmt: skip

    url: WebAddress = Field(examples=["http://alertmanager:9093"])
    """Its address, with its path prefix if it has one."""
    token: SecretStr | None = None
    """A bearer token, where a proxy before it asks for one."""
    token_file: StrictStr | None = None
    """A file that holds the token alone."""
    username: Text | None = None
    """The user, where it asks for basic authentication."""
    password: SecretStr | None = None
    """The user's password."""
    password_file: StrictStr | None = None
    """A file that holds the password alone."""


class EmailEntry(ChannelEntry):
    """Mail through a server of yours."""

    secrets: ClassVar[Mapping[str, Secret]] = {"password": Secret(False)}

    server: Text = Field(examples=["smtp.example.com"])
    """The mail server."""
    port: Port | None = Field(default=None, examples=[587])
    """Its port; unset: 587 with starttls, 465 with tls, 25 with none."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected; `none` only within a network that you trust."""
    username: Text | None = Field(default=None, examples=["hikeshi"])
    """The user to log in as; unset: no log-in."""
    password: SecretStr | None = None
    """The user's password."""
    password_file: StrictStr | None = Field(default=None, examples=["/run/secrets/smtp"])
    """A file that holds the password alone."""
    sender: str = Field(alias="from", examples=["Hikeshi <hikeshi@example.com>"])
    """Whom the mail is from."""
    to: tuple[str, ...] = Field(examples=["[oncall@example.com]"])
    """Whom it goes to."""

    @field_validator("server")
    @classmethod
    def _can_be_looked_up(cls, server: str) -> str:
        try:
            server.encode("idna")
        except UnicodeError:
            raise refusal(f"{server!r} is no name of a server", "write for example `smtp.example.com`") from None
        return server

    @field_validator("sender")
    @classmethod
    def _one_address(cls, sender: str) -> str:
        return _mailbox(sender)

    @field_validator("to")
    @classmethod
    def _addresses(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        if not to:
            raise refusal("is empty: nobody would get it", _MAIL_REMEDY)
        return tuple(_mailbox(address) for address in to)


class DiscordEntry(ChannelEntry):
    """A channel of Discord, by its webhook, whose address is a secret."""

    secrets: ClassVar[Mapping[str, Secret]] = {"url": Secret(True, _secret_address)}

    url: SecretStr | None = None
    """The webhook's address: https://discord.com/api/webhooks/…"""
    url_file: StrictStr | None = Field(default=None, examples=["/run/secrets/discord"])
    """A file that holds the address alone."""


class TeamsEntry(ChannelEntry):
    """A channel or chat of Microsoft Teams, by a workflow that starts at a webhook request."""

    secrets: ClassVar[Mapping[str, Secret]] = {"url": Secret(True, _workflow)}

    url: SecretStr | None = None
    """The workflow's address ("When a Teams webhook request is received")."""
    url_file: StrictStr | None = Field(default=None, examples=["/run/secrets/teams"])
    """A file that holds the address alone."""


class LineEntry(ChannelEntry):
    """A person, group or room in LINE, through the Messaging API (LINE Notify is gone)."""

    secrets: ClassVar[Mapping[str, Secret]] = {"token": Secret(True, _one_line)}

    token: SecretStr | None = None
    """The channel access token."""
    token_file: StrictStr | None = Field(default=None, examples=["/run/secrets/line"])
    """A file that holds the token alone."""
    to: str = Field(examples=["C0123456789abcdef0123456789abcdef"])
    """The id of the user (U…), group (C…) or room (R…), as the channel's webhook shows it."""
    url: WebAddress = "https://api.line.me"
    """Where its API is."""

    @field_validator("to")
    @classmethod
    def _an_id(cls, to: str) -> str:
        if not _LINE_TARGET.fullmatch(to):
            raise refusal(f"{to!r} is not an id of LINE", "write U, C or R and 32 hex digits, as the webhook shows it")
        return to


class AppriseEntry(ChannelEntry):
    """Any of the services that apprise knows, by its URL, which holds secrets."""

    secrets: ClassVar[Mapping[str, Secret]] = {"url": Secret(True, _apprise_url)}

    url: SecretStr | None = None
    """The URL as apprise documents it for the service."""
    url_file: StrictStr | None = Field(default=None, examples=["/run/secrets/apprise"])
    """A file that holds the URL alone."""


CHANNEL_MODELS: Final[Mapping[str, type[ChannelEntry]]] = {
    "console": ConsoleEntry,
    "webhook": WebhookEntry,
    "slack": SlackEntry,
    "pagerduty": PagerDutyEntry,
    "alertmanager": AlertmanagerEntry,
    "email": EmailEntry,
    "discord": DiscordEntry,
    "teams": TeamsEntry,
    "line": LineEntry,
    "apprise": AppriseEntry,
}


def with_secrets(entry: ChannelEntry, document: Document, place: Place, folder: Path) -> ChannelEntry:
    """The entry with the secrets that stand in files of their own read; the document gets the faults."""
    found = {name: secret for name, secret in _secrets(entry, document, place, folder) if secret is not None}
    _refuse_halves(entry, found, document, place)
    return entry.model_copy(update=found)


def _secrets(
    entry: ChannelEntry, document: Document, place: Place, folder: Path
) -> Iterator[tuple[str, SecretStr | None]]:
    for name, (needed, check) in entry.secrets.items():
        given: SecretStr | None = getattr(entry, name)
        file: str | None = getattr(entry, f"{name}_file")
        key = name
        try:
            if file is not None:
                key = f"{name}_file"
                if given is not None:
                    raise refusal(f"stands beside `{name}`", "keep one of the two")
                path = folder / file
                document.beside.add(path)
                given = SecretStr(read_secret(path))
            if given is None and needed:
                raise refusal("is missing", f"add `{name}_file: …` with a file that holds it, or `{name}` itself")
            if given is not None:
                check(given.get_secret_value())
        except PydanticCustomError as error:
            context: dict[str, Any] = error.context or {}
            document.refuse((*place, key), context["fault"], context["remedy"])
            given = None
        yield name, given


def _refuse_halves(entry: ChannelEntry, secrets: Mapping[str, SecretStr], document: Document, place: Place) -> None:
    """A user without a password, or the reverse, would log in as nobody."""
    if not isinstance(entry, EmailEntry | AlertmanagerEntry):
        return
    password = "password" in secrets or entry.password_file is not None
    if entry.username is not None and not password:
        document.refuse((*place, "username"), "has no password", "add `password_file: …`, or remove it")
    if entry.username is None and password:
        document.refuse((*place, "password"), "has no user", "add `username: …`, or remove it")


def _mailbox(text: str) -> str:
    """An address, or a name with an address in angle brackets."""
    found = re.fullmatch(r"\s*(?:([^<>\r\n]*?)\s*<([^<>]*)>|([^<>\r\n]*))\s*", text)
    address = (found[2] if found[2] is not None else found[3]).strip() if found else ""
    if not _ADDRESS.fullmatch(address) or not address.isascii():
        raise refusal(f"{text!r} is not a mail address", _MAIL_REMEDY)
    try:
        name, bare = parseaddr(text.strip())
        Address(display_name=name, addr_spec=bare)  # as a mail is made of it
    except (ValueError, MessageError, IndexError):
        raise refusal(f"{text!r} can't stand in a mail", f"{_MAIL_REMEDY}; a name with a comma in quotes") from None
    return text.strip()
