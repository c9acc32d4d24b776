"""Every channel takes every alert, in both languages, within its provider's limits; the fakes refuse what is not."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from config.channels import (
    AlertmanagerEntry,
    DiscordEntry,
    EmailEntry,
    LineEntry,
    PagerDutyEntry,
    SlackEntry,
    TeamsEntry,
)
from tests.support.providers import line as line_fake
from tests.support.providers import pagerduty as pagerduty_fake
from tests.support.providers import slack as slack_fake
from tests.support.providers.alertmanager import Alertmanager
from tests.support.providers.base import Provider
from tests.support.providers.discord import Discord
from tests.support.providers.line import Line
from tests.support.providers.mail import MailServer
from tests.support.providers.pagerduty import PagerDuty
from tests.support.providers.slack import Slack
from tests.support.providers.teams import Teams
from tests.workers.dispatcher.channels.alerts import EN, JA, bodies, entry, tools
from workers.dispatcher.channels import Channel
from workers.dispatcher.channels.alertmanager import AlertmanagerChannel
from workers.dispatcher.channels.discord import DiscordChannel
from workers.dispatcher.channels.email import EmailChannel
from workers.dispatcher.channels.line import LineChannel
from workers.dispatcher.channels.pagerduty import PagerDutyChannel
from workers.dispatcher.channels.slack import SlackChannel
from workers.dispatcher.channels.teams import TeamsChannel
from workers.runtime.http_client import open_http_client

Open = Callable[[Any, Any], Channel]


def slack(provider: Slack, client: Any) -> Channel:
    keys = {"channel": "C0123456789", "token": slack_fake.TOKEN, "app_token": slack_fake.APP_TOKEN}
    return SlackChannel(entry(SlackEntry, url=f"{provider.url}/api", **keys), "desk", tools(client))


def pagerduty(provider: PagerDuty, client: Any) -> Channel:
    return PagerDutyChannel(
        entry(PagerDutyEntry, routing_key=pagerduty_fake.KEY, url=provider.url), "desk", tools(client)
    )


def alertmanager(provider: Alertmanager, client: Any) -> Channel:
    return AlertmanagerChannel(entry(AlertmanagerEntry, url=provider.url), "desk", tools(client))


def discord(provider: Discord, client: Any) -> Channel:
    return DiscordChannel(entry(DiscordEntry, url=provider.hook), "desk", tools(client))


def teams(provider: Teams, client: Any) -> Channel:
    return TeamsChannel(entry(TeamsEntry, url=provider.hook), "desk", tools(client))


def line(provider: Line, client: Any) -> Channel:
    return LineChannel(
        entry(LineEntry, token=line_fake.TOKEN, to=line_fake.TO, url=provider.url), "desk", tools(client)
    )


CHANNELS: dict[str, tuple[type[Provider], Open]] = {
    "slack": (Slack, slack),
    "pagerduty": (PagerDuty, pagerduty),
    "alertmanager": (Alertmanager, alertmanager),
    "discord": (Discord, discord),
    "teams": (Teams, teams),
    "line": (Line, line),
}
BODIES = bodies()


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[tuple[Any, Channel]]:
    provider, open_it = CHANNELS[kind]
    async with provider() as there, open_http_client() as client:
        yield there, open_it(there, client)


@pytest.mark.parametrize("style", [EN, JA], ids=["en", "ja"])
@pytest.mark.parametrize("kind", CHANNELS)
async def test_every_alert_is_taken_within_the_limits(kind: str, style: Any) -> None:
    async with opened(kind) as (provider, channel):
        for number, (name, body) in enumerate(BODIES.items()):
            if kind == "slack":
                provider.messages.clear()  # each stands for an incident of its own
            result = await channel.send(f"{number:032x}", body, style, None)
            assert result.kind == "delivered", (name, result)
            assert provider.faults == [], name


@pytest.mark.parametrize("style", [EN, JA], ids=["en", "ja"])
async def test_every_alert_is_a_mail(style: Any) -> None:
    async with MailServer() as server:
        keys = {"from": "Hikeshi 火消し <hikeshi@example.com>", "to": ["当番 <oncall@example.com>", "b@example.com"]}
        mail = entry(EmailEntry, server="127.0.0.1", port=server.port, security="none", **keys)
        channel = EmailChannel(mail, "desk", tools(None))
        for number, (name, body) in enumerate(BODIES.items()):
            server.mails.clear()
            result = await channel.send(f"{number:032x}", body, style, None)
            assert result.kind == "delivered", (name, result)
            assert server.faults == [], name


@pytest.mark.parametrize("kind", CHANNELS)
async def test_a_post_that_fits_is_shown_unmodified_with_author_time_and_link(kind: str) -> None:
    async with opened(kind) as (provider, channel):
        await channel.send("0" * 32, BODIES["full"], JA, None)
        sent = provider.got[0].raw.decode().replace("\\\\", "")
        for wanted in (
            "煙が出た🔥",
            "花子1🌸",
            "@user1",
            "10:05",
            "https://x.com/user/status/1",
            "新製品です",
            "hinoyojin",
        ):
            assert wanted in sent, wanted
        for wanted in ("ご不便をおかけしています。", "https://x.com/intent/tweet?in_reply_to=1", "煙"):
            assert wanted in sent, wanted


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "pagerduty"])
async def test_what_is_cut_says_how_much_and_no_half_character_is_left(kind: str) -> None:
    async with opened(kind) as (provider, channel):
        for name in ("japanese", "emoji", "accents"):
            if kind == "slack":
                provider.messages.clear()
            await channel.send("1" * 32, BODIES[f"one long post: {name}"], JA, None)
            if kind == "line":
                provider.pushed.clear()
            sent = provider.got[-1].raw.decode()
            assert "… (+" in sent or "…\\\\ (+" in sent or "… \\\\(+" in sent, name
            for half in ("👨‍👩‍👧…", "👨‍👩…", "👨…", "🇯…", "👍…", "cafe…", "\ufffd"):
                assert half not in sent, (name, half)
