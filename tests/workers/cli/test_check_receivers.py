"""`hikeshi check` of every kind of receiver, and `check --send` to each: a person sees that it arrives."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.providers import line, pagerduty, slack
from tests.support.providers.alertmanager import Alertmanager
from tests.support.providers.discord import Discord
from tests.support.providers.line import Line
from tests.support.providers.mail import PASSWORD, USER, MailServer
from tests.support.providers.pagerduty import PagerDuty
from tests.support.providers.slack import Slack
from tests.support.providers.teams import Teams
from tests.support.scene import BRANDS, Scene
from tests.support.sink import Sink
from workers.cli.check import command

KINDS = ("slack", "pagerduty", "alertmanager", "email", "discord", "teams", "line", "apprise")


def check(scene: Scene, *more: str) -> Any:
    """In this process: nine new ones would take their time to start."""
    arguments = ["--config", str(scene.config), "--data", str(scene.data), *more]
    return CliRunner().invoke(command, arguments, standalone_mode=False)


def routes(channels: dict[str, str]) -> str:
    receivers = "\n".join(f"  - name: {kind}\n    {kind}: {keys}" for kind, keys in channels.items())
    return f"receivers:\n{receivers}\nroute:\n  receivers: [slack]\n  language: ja\n  timezone: Asia/Tokyo\n"


async def test_each_kind_is_reached_and_gets_a_test_in_its_own_form(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.write("brands.yaml", BRANDS)
    async with (
        Slack() as chat, PagerDuty() as pager, Alertmanager() as alerts, Discord() as discord, Teams() as teams,
        Line() as messenger, MailServer(asks_for_login=True) as mail,
    ):  # fmt: skip
        secrets = {
            "slack.token": slack.TOKEN, "pagerduty.key": pagerduty.KEY, "smtp": PASSWORD, "discord.url": discord.hook,
            "teams.url": teams.hook, "line.token": line.TOKEN,
        }  # fmt: skip
        for name, secret in secrets.items():
            scene.write(name, f"{secret}\n")
        with Sink() as sink:
            scene.write("apprise.url", f"json://127.0.0.1:{sink.port}/hook")
            scene.write(
                "routes.yaml",
                routes(
                    {
                        "slack": f"{{channel: C0123456789, token_file: slack.token, url: {chat.url}/api}}",
                        "pagerduty": f"{{routing_key_file: pagerduty.key, url: {pager.url}}}",
                        "alertmanager": f"{{url: {alerts.url}}}",
                        "email": f"{{server: 127.0.0.1, port: {mail.port}, security: none, username: {USER}, "
                        "password_file: smtp, from: hikeshi@example.com, to: [oncall@example.com]}",
                        "discord": "{url_file: discord.url}",
                        "teams": "{url_file: teams.url}",
                        "line": f"{{token_file: line.token, to: {line.TO}, url: {messenger.url}}}",
                        "apprise": "{url_file: apprise.url}",
                    }
                ),
            )
            looked = await asyncio.to_thread(check, scene)
            told = {
                line.split(":")[1].strip(): line
                for line in looked.stdout.splitlines()
                if line.startswith("ok: receiver")
            }
            assert set(told) == {f"receiver {kind}" for kind in KINDS}, looked.stderr
            assert "20 in 1m (Slack's" in told["receiver slack"]
            assert "says neither why it failed nor when" in told["receiver apprise"]
            assert "may arrive twice" in told["receiver teams"]
            assert (chat.messages, discord.messages, messenger.pushed) == ({}, {}, {})  # it asks, and sends nothing
            for kind in KINDS:
                sent = await asyncio.to_thread(check, scene, "--send", kind)
                assert (sent.return_value, "delivered" in sent.stdout) == (0, True), (kind, sent.stdout, sent.stderr)
            assert b"Hikeshi" in sink.requests[0].body
        (message,) = chat.messages.values()
        assert "【サンプル】" in slack.as_text(message)
        assert list(pager.alerts.values()) == ["triggered"]
        assert len(alerts.alerts) == len(discord.messages) == len(teams.got) == len(messenger.pushed) == 1
        assert mail.mails[0]["Subject"].startswith("【サンプル】")
        assert "テスト通知です" in mail.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("slack: {channel: '#general', token_file: t}", "'#general' is not a channel's id"),
        ("slack: {channel: C0123456789}", "receivers[0].slack.token: is missing"),
        ("slack: {channel: C0123456789, token: hunter2}", "receivers[0].slack.token: is not a bot token (xoxb-…)"),
        ("pagerduty: {routing_key: hunter2}", "is not an integration key"),
        ("email: {server: a, from: nobody, to: [b@c.d]}", "'nobody' is not a mail address"),
        ("email: {server: a, from: a@b.c, to: []}", "is empty: nobody would get it"),
        ("email: {server: a, from: a@b.c, to: [b@c.d], username: x}", "email.username: has no password"),
        ("email: {server: a..b, from: a@b.c, to: [b@c.d]}", "'a..b' is no name of a server"),
        ("email: {server: a, from: 'Hi, keshi <a@b.c>', to: [b@c.d]}", "'Hi, keshi <a@b.c>' can't stand in a mail"),
        ("email: {server: a, from: a@b.c, to: [b@c..d]}", "'b@c..d' can't stand in a mail"),
        ("email: {server: a, from: a@b.c, to: [b.@c.d]}", "'b.@c.d' can't stand in a mail"),
        ("teams: {url: 'https://acme.webhook.office.com/hunter2'}", "is an Office 365 connector"),
        ("discord: {url: 'hunter2'}", "discord.url: is not an http or https address"),
        (f'line: {{token: "x\\nhunter2", to: C{"0" * 32}}}', "receivers[0].line.token: holds a line break"),
        ('slack: {channel: C0123456789, token: "xoxb-\\nhunter2"}', "receivers[0].slack.token: holds a line break"),
        ('alertmanager: {url: "http://a", token: "x\\nhunter2"}', "alertmanager.token: holds a line break"),
        ("line: {token: x, to: mika}", "'mika' is not an id of LINE"),
        ("apprise: {url: 'nobodyknows://hunter2'}", "is no URL that apprise can use"),
        ("mail: {}", "receivers[0].mail: unknown key; did you mean `email`?"),
        ("sms: {}", "receivers[0].sms: unknown key"),
    ],
)
def test_what_cant_be_right_is_refused_with_a_clear_fault(keys: str, fault: str, tmp_path: Path) -> None:
    from config.faults import ConfigurationFaults
    from config.routes import load_routes
    from config.settings import Settings

    (tmp_path / "t").write_text("xoxb-1")
    path = tmp_path / "routes.yaml"
    path.write_text(f"receivers:\n  - name: a\n    {keys}\nroute: {{receivers: [a]}}\n")
    with pytest.raises(ConfigurationFaults) as raised:
        load_routes(path, Settings())
    assert fault in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_apprise_logs_no_address_that_it_refuses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It logged them whole, and with them the tokens that they hold."""
    scene = Scene(tmp_path)
    scene.write("brands.yaml", BRANDS)
    for url in ("nobodyknows://hunter2", "slack://hunter2", "hunter2", "mailto://a:hunter2@bad"):
        scene.write(
            "routes.yaml", f"receivers: [{{name: slack, apprise: {{url: '{url}'}}}}]\nroute: {{receivers: [slack]}}\n"
        )
        refused = check(scene)
        assert refused.return_value == 2
        assert "hunter2" not in refused.stdout + refused.stderr + caplog.text


def test_a_secret_that_only_signs_may_have_several_lines(tmp_path: Path) -> None:
    from config.routes import load_routes
    from config.settings import Settings

    (tmp_path / "key").write_text("first line\nsecond line\n")  # as openssl writes a long one
    path = tmp_path / "routes.yaml"
    path.write_text("receivers: [{name: a, webhook: {url: 'http://a', secret_file: key}}]\nroute: {receivers: [a]}\n")
    webhook = load_routes(path, Settings()).receivers["a"].webhook
    assert webhook is not None
    assert webhook.secret is not None
    assert webhook.secret.get_secret_value() == "first line\nsecond line"
