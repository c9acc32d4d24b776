"""What a provider answers, and what class of failure that is to us."""

from typing import Any

import aiohttp
import pytest
from aiohttp import web

from config.channels import AppriseEntry, DiscordEntry, EmailEntry
from tests.support.providers.base import Provider, Refusal
from tests.support.providers.mail import PASSWORD, USER, MailServer
from tests.support.sink import Answer, Sink
from tests.workers.dispatcher.channels.alerts import EN, JA, alert, entry, full, post, tools
from tests.workers.dispatcher.channels.test_limits import opened
from workers.dispatcher.channels import AskableChannel, email
from workers.dispatcher.channels.apprise import AppriseChannel
from workers.dispatcher.channels.discord import DiscordChannel
from workers.dispatcher.channels.email import EmailChannel
from workers.dispatcher.channels.http import failure_of
from workers.dispatcher.channels.line import retry_key
from workers.dispatcher.outcome import Result
from workers.dispatcher.payload import encoded
from workers.runtime.http_client import open_http_client

BODY = encoded(full(post()))

NO_TIMES = (float("nan"), float("inf"), -5, 10**400, "soon")  # JSON as Python writes and reads it

# kind of channel: what it answers, and the class, what is said of it, how long it asks us to wait.
ANSWERS: dict[str, list[tuple[Refusal, str, str, float | None]]] = {
    "slack": [
        (Refusal(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}), "rate_limited", "ratelimited", 30),
        (Refusal(200, {"ok": False, "error": "invalid_auth"}), "auth", "invalid_auth", None),
        (Refusal(200, {"ok": False, "error": "channel_not_found"}), "auth", "channel_not_found", None),
        (Refusal(200, {"ok": False, "error": "is_archived"}), "auth", "is_archived", None),
        (
            Refusal(
                200,
                {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": ["no [json-pointer:/b]"]}},
            ),
            "client", "no [json-pointer:/b]", None,
        ),
        (Refusal(200, {"ok": False, "error": "internal_error"}), "server", "internal_error", None),
        (Refusal(503, None), "server", "HTTP 503", None),
        (Refusal(200, "surprise"), "server", "not Slack's", None),
    ],
    "pagerduty": [
        (Refusal(400, {"status": "invalid event", "errors": ["'payload' is bad"]}), "client", "'payload' is bad", None),
        (Refusal(400, {"status": "invalid event", "errors": ["Invalid routing key"]}), "auth", "routing key", None),
        (Refusal(429, {"message": "slow down"}), "rate_limited", "slow down", None),
        (Refusal(500, None), "server", "HTTP 500", None),
    ],
    "alertmanager": [
        (Refusal(400, "start time must be before end time"), "client", "start time must be", None),
        (Refusal(401, None), "auth", "HTTP 401", None),
    ],
    "discord": [
        (Refusal(429, {"message": "You are being rate limited.", "retry_after": 1.5}), "rate_limited", "rate", 1.5),
        *((Refusal(429, {"retry_after": no}), "rate_limited", "HTTP 429", None) for no in NO_TIMES),
        (Refusal(404, {"message": "Unknown Webhook", "code": 10015}), "auth", "Unknown Webhook", None),
        (Refusal(400, {"message": "Invalid Form Body"}), "client", "Invalid Form Body", None),
    ],
    "teams": [
        (Refusal(413, {"error": {"code": "x", "message": "too large"}}), "client", "too large", None),
        (Refusal(429, None, {"Retry-After": "5"}), "rate_limited", "HTTP 429", 5),
        (Refusal(410, None), "gone", "HTTP 410", None),
    ],
    "line": [
        (Refusal(429, {"message": "You have reached your monthly limit."}), "rate_limited", "monthly limit", None),
        (Refusal(400, {"message": "Failed to send messages"}), "client", "Failed to send", None),
        (Refusal(401, {"message": "Authentication failed"}), "auth", "Authentication", None),
    ],
}  # fmt: skip
CASES = [(kind, *case) for kind, cases in ANSWERS.items() for case in cases]


@pytest.mark.parametrize(("kind", "refusal", "expected", "said", "waits"), CASES)
async def test_each_answer_has_its_class(
    kind: str, refusal: Refusal, expected: str, said: str, waits: float | None
) -> None:
    async with opened(kind) as (provider, channel):
        provider.refusals.append(refusal)
        result = await channel.send("0" * 32, BODY, EN, None)
    assert (result.kind, result.retry_after_seconds) == (expected, waits)
    assert said in result.detail
    assert result.made is None


@pytest.mark.parametrize("kind", ANSWERS)
async def test_nobody_there(kind: str) -> None:
    async with opened(kind) as (provider, channel):
        await provider._runner.cleanup()
        result = await channel.send("0" * 32, BODY, EN, None)
    assert result.kind == "server"
    assert "secret" not in result.detail


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        ("slack", Refusal(200, {"ok": False, "error": "invalid_auth"})),
        ("line", Refusal(401, {"message": "Authentication failed"})),
        ("discord", Refusal(404, {"message": "Unknown Webhook", "code": 10015})),
    ],
)
async def test_check_asks_whether_the_secret_is_good(kind: str, refusal: Refusal) -> None:
    async with opened(kind) as (provider, channel):
        assert isinstance(channel, AskableChannel)
        assert (await channel.ask()).kind == "delivered"
        provider.refusals.append(refusal)
        assert (await channel.ask()).kind == "auth"


def test_no_failure_tells_an_address_that_holds_a_token() -> None:
    for error in (aiohttp.InvalidURL("https://x/hunter2"), aiohttp.ClientError("hunter2"), OSError("hunter2")):
        assert "hunter2" not in failure_of(error).detail
    assert failure_of(TimeoutError()) == Result("timed_out", "no answer in time")


@pytest.mark.parametrize("kind", ANSWERS)
async def test_an_answer_nested_as_nobody_nests_it_is_no_defect_of_ours(kind: str) -> None:
    async with opened(kind) as (provider, channel):
        provider.answer = lambda _: web.Response(status=500, body=b"[" * 60_000, content_type="application/json")
        result = await channel.send("0" * 32, BODY, EN, None)
    assert (result.kind, result.detail) == ("server", "HTTP 500")


async def test_discord_writes_into_a_thread() -> None:
    """Its address names the thread after a `?`, where ours come too."""
    async with Provider() as there, open_http_client() as client:
        there.answer = lambda _: web.json_response({"id": "77"})  # type: ignore[method-assign]
        hook = entry(DiscordEntry, url=f"{there.url}/api/webhooks/1/secret?thread_id=5")
        channel = DiscordChannel(hook, "desk", tools(client))
        sent = await channel.send("0" * 32, BODY, EN, None)
        assert sent.made is not None
        await channel.edit(sent.made.ref, True, BODY, EN)
        await channel.ask()
        assert [(got.method, got.path) for got in there.got] == [
            ("POST", "/api/webhooks/1/secret?wait=true&thread_id=5"),
            ("PATCH", "/api/webhooks/1/secret/messages/77?thread_id=5"),
            ("GET", "/api/webhooks/1/secret"),
        ]


async def test_line_has_a_repeat_once() -> None:
    async with opened("line") as (provider, channel):
        key = "0f" * 16
        assert (await channel.send(key, BODY, JA, None)).kind == "delivered"
        assert (await channel.send(key, BODY, JA, None)) == Result("delivered", "LINE had it already")
        assert len(provider.pushed) == 1
    assert retry_key("test-1") == retry_key("test-1") != retry_key("test-2")


async def test_an_answer_without_end_fills_no_memory() -> None:
    class Endless(Provider):
        async def _handle(self, request: Any) -> Any:
            answer = web.StreamResponse()
            await answer.prepare(request)
            while not self._closing.is_set() and request.transport and not request.transport.is_closing():
                await answer.write(b"x" * 65_536)
            return answer

    from workers.dispatcher.channels.http import call

    async with Endless() as provider, aiohttp.ClientSession() as client:
        reply = await call(client, tools(None).clock, provider.url, {})
        assert (reply.status, reply.data) == (200, None)


class TestMail:
    def channel(self, server: MailServer, **more: Any) -> EmailChannel:
        keys = {"from": "Hikeshi <hikeshi@example.com>", "to": ["a@example.com", "b@example.com"]} | more
        mail = entry(EmailEntry, server="127.0.0.1", port=server.port, security="none", **keys)
        return EmailChannel(mail, "desk", tools(None))

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [("451 later", "server"), ("421 busy", "server"), ("550 no", "client"), ("552 too large", "client")],
    )
    async def test_the_servers_no(self, answer: str, kind: str) -> None:
        async with MailServer() as server:
            server.refusals.append(answer)
            assert (await self.channel(server).send("0" * 32, BODY, EN, None)).kind == kind

    async def test_one_recipient_refused_keeps_nothing_from_the_others(self) -> None:
        async with MailServer() as server:
            server.refused_recipients["a@example.com"] = "550 unknown"
            result = await self.channel(server).send("0" * 32, BODY, EN, None)
            assert (result.kind, result.detail) == ("delivered", "refused for a@example.com")
            assert server.recipients == [["b@example.com"]]
            server.refused_recipients["b@example.com"] = "450 later"
            assert (await self.channel(server).send("1" * 32, BODY, EN, None)).kind == "server"
            server.refused_recipients["b@example.com"] = "550 unknown"
            assert (await self.channel(server).send("2" * 32, BODY, EN, None)).kind == "client"

    async def test_a_wrong_password(self) -> None:
        async with MailServer(asks_for_login=True) as server:
            wrong = await self.channel(server, username=USER, password="wrong").send("0" * 32, BODY, EN, None)
            assert wrong.kind == "auth"
            right = await self.channel(server, username=USER, password=PASSWORD).send("0" * 32, BODY, EN, None)
            assert right.kind == "delivered"

    async def test_what_a_server_took_is_delivered_though_it_never_says_goodbye(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It counted as timed out, so that the same mail went once a minute for a day."""
        monkeypatch.setattr(email, "QUIT_SECONDS", 0.1)
        monkeypatch.setattr(email, "SEND_SECONDS", 3.0)
        async with MailServer() as server:
            server.answers_quit = False
            assert (await self.channel(server).send("0" * 32, BODY, JA, None)).kind == "delivered"
            assert len(server.mails) == 1

    async def test_nobody_there(self) -> None:
        async with MailServer() as server:
            channel = self.channel(server)
        assert (await channel.send("0" * 32, BODY, EN, None)).kind == "server"

    async def test_the_mails_of_an_incident_are_one_thread(self) -> None:
        async with MailServer() as server:
            channel = self.channel(server)
            book = channel._tools.book
            for key, reason, severity in (
                ("0", "first", "high"),
                ("1", "new_posts", "high"),
                ("2", "severity_rose", "critical"),
            ):
                body = encoded(alert(post(), reason=reason, severity=severity))
                made = (await channel.send(f"{key:032}", body, JA, None)).made
                assert made is not None
                assert not made.editable
                book.mains["0f1e2d3c4b5a69788796a5b4c3d2e1f0"] = made.ref  # type: ignore[attr-defined]
            first, second, third = server.mails
            assert first["In-Reply-To"] is None
            assert second["In-Reply-To"] == first["Message-ID"]
            assert third["References"] == f"{first['Message-ID']} {second['Message-ID']}"
            assert second["Subject"] == f"Re: {first['Subject']}"
            assert "重大" in third["Subject"]
            assert first["Importance"] == "high"

    async def test_a_repeated_attempt_is_the_same_mail(self) -> None:
        async with MailServer() as server:
            channel = self.channel(server)
            await channel.send("0" * 32, BODY, JA, None)
            (mail,) = server.mails
            server.mails.clear()
            await channel.send("0" * 32, BODY, JA, None)
            assert server.mails[0]["Message-ID"] == mail["Message-ID"]

    async def test_a_long_japanese_subject_comes_back_whole(self) -> None:
        async with MailServer() as server:
            body = encoded(
                alert(
                    post(),
                    brand_name="寿限無寿限無五劫の擦り切れ👨‍👩‍👧‍👦海砂利水魚の水行末雲来末風来末食う寝る処に住む処",
                )
            )
            await self.channel(server).send("0" * 32, body, JA, None)
            (mail,) = server.mails
            assert "海砂利水魚の水行末雲来末風来末食う寝る処に住む処：苦情・深刻度高" in mail["Subject"]
            assert "👨‍👩‍👧‍👦" in mail["Subject"]


class TestApprise:
    async def test_delivered_and_not(self) -> None:
        with Sink() as sink:
            keys = entry(AppriseEntry, url=f"json://127.0.0.1:{sink.port}/hook")
            channel = AppriseChannel(keys, "desk", tools(None))
            assert (await channel.send("0" * 32, BODY, JA, None)).kind == "delivered"
            assert "煙が出た🔥" in sink.requests[0].json["message"]
            assert "苦情" in sink.requests[0].json["title"]
            for status in (400, 401, 429, 500):
                sink.answers.append(Answer(status, {"Retry-After": "90"}))
                result = await channel.send("0" * 32, BODY, JA, None)
                assert (result.kind, result.retry_after_seconds) == ("server", None)  # it tells no more
