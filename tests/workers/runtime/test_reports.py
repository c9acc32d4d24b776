"""What leaves the process: log lines, error reports and the heartbeat hold no secret and no post."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from aiohttp import web
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from config.settings import KafkaSettings, Settings, StoreSettings
from schemas.errors import RejectedError
from workers.runtime.errors_report import report, start_error_reports
from workers.runtime.heartbeat import beat
from workers.runtime.http_client import open_http_client
from workers.runtime.logging import ThirdPartyLimit, configure_logging, get_logger
from workers.runtime.redact import Redactor, secrets_of

TEXT = "充電器が燃えた。二度と買わない"
SECRET = "hush-hush-4711"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("info", "json", secrets=[SECRET], stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_secrets_are_taken_out_by_value_name_and_shape(output: io.StringIO) -> None:
    get_logger("workers.test").warning(
        "webhook_failed",
        url=f"https://desk:pw123456@example.com/{SECRET}",
        bearer_token="abcdef",
        header="Bearer abcdef123",
        nested={"password": "x", "ok": 1},
        count=3,
    )
    (line,) = lines(output)
    assert line["url"] == "https://desk:[redacted]@example.com/[redacted]"
    assert (line["bearer_token"], line["header"]) == ("[redacted]", "Bearer [redacted]")
    assert line["nested"] == {"password": "[redacted]", "ok": 1}
    assert line["count"] == 3


def test_secrets_are_taken_out_of_stacks_and_of_libraries(output: io.StringIO) -> None:
    try:
        raise ValueError(f"bad {SECRET}")
    except ValueError:
        logging.getLogger("asyncpg").exception("failed with %s", SECRET)
    assert SECRET not in output.getvalue()
    assert "ValueError: bad [redacted]" in lines(output)[0]["exception"]


def test_the_text_of_a_post_goes_to_debug_alone(output: io.StringIO) -> None:
    get_logger("workers.test").error("post_refused", text=TEXT, id="1")
    assert TEXT not in output.getvalue()
    configure_logging("debug", "json", stream=output)
    get_logger("workers.test").debug("post_refused", text=TEXT, id="1")
    assert lines(output)[-1]["text"] == TEXT


@pytest.mark.parametrize("library", ["apprise", "urllib3.connectionpool", "tweepy.client"])
def test_what_libraries_say_of_addresses_and_headers_is_not_even_for_debugging(
    library: str, output: io.StringIO
) -> None:
    """An apprise URL and a webhook's path hold tokens, which no field and no shape tells from other text."""
    configure_logging("debug", "json", stream=output)
    logging.getLogger(library).debug("POST /api/webhooks/1/hunter2")
    logging.getLogger(library).warning("it failed")
    assert [line["event"] for line in lines(output)] == ["it failed"]


def test_a_noisy_library_is_cut_to_a_few_lines_a_minute_and_the_rest_counted() -> None:
    now = 0.0
    limit = ThirdPartyLimit(lambda: now)

    def passes(name: str = "aiokafka.client") -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.ERROR, "client.py", 1, "Unable to connect", None, None)
        return record if limit.filter(record) else None

    let_through = 0
    for _ in range(600):  # a minute of one each 100 ms
        let_through += passes() is not None
        now += 0.1
    assert let_through <= 4
    assert all(passes("workers.stream") for _ in range(10))
    now += 60
    record = passes()
    assert record is not None
    assert record.suppressed > 590  # type: ignore[attr-defined]


class Captured(Transport):
    """Keeps what would have been sent."""

    envelopes: list[Envelope] = []  # noqa: RUF012  the SDK makes the object itself, so the class holds what it got

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


def test_an_error_report_holds_where_and_nothing_of_what() -> None:
    Captured.envelopes.clear()
    start_error_reports("https://public@example.com/1", Redactor([SECRET]), Captured)
    try:
        sentry_sdk.add_breadcrumb(message=TEXT, data={"text": TEXT})
        sentry_sdk.set_tag("note", SECRET)
        try:
            post = {"text": TEXT, "token": SECRET}
            raise RejectedError(f"cannot read {post}")
        except RejectedError as error:
            report(error, "classifier")
        logging.getLogger("workers").error("failed %s", TEXT)
        sent = [envelope.serialize().decode() for envelope in Captured.envelopes]
        assert len(sent) == 1
        assert TEXT not in sent[0]
        assert json.dumps(TEXT)[1:-1] not in sent[0]
        assert SECRET not in sent[0]
        assert "RejectedError" in sent[0]
        assert "test_an_error_report_holds_where_and_nothing_of_what" in sent[0]
        assert '"stage":"classifier"' in sent[0].replace(" ", "")
        for word in ("vars", "breadcrumbs", "context_line", "server_name", "request", "modules"):
            assert f'"{word}"' not in sent[0], word
    finally:
        sentry_sdk.get_global_scope().set_client(None)


def test_without_a_dsn_nothing_is_sent() -> None:
    Captured.envelopes.clear()
    start_error_reports(None, Redactor(), Captured)
    report(ValueError("x"), "stream")
    assert not sentry_sdk.get_client().is_active()
    assert Captured.envelopes == []


def test_the_secrets_of_the_settings_are_known() -> None:
    settings = Settings(
        store=StoreSettings(url="postgresql://hikeshi:pw-of-store@db/hikeshi"),
        kafka=KafkaSettings(password="pw-of-kafka"),
    )
    found = secrets_of(settings)
    assert "pw-of-store" in found
    assert "pw-of-kafka" in found


async def test_a_heartbeat_and_what_came_of_it() -> None:
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.path)
        return web.Response(status=int(request.query.get("status", "200")))

    app = web.Application()
    app.router.add_get("/ping", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping"
    try:
        async with open_http_client() as client:
            assert await beat(client, url) == "sent"
            assert await beat(client, f"{url}?status=500") == "failed"
            assert await beat(client, "http://127.0.0.1:1/ping") == "failed"
    finally:
        await runner.cleanup()
    assert len(calls) == 2
