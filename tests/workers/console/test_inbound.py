"""Acts that come from Slack and PagerDuty: signed, attributed, one truth with the page and the command line."""

import asyncio
import hashlib
import hmac
import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from pydantic import SecretStr
from yarl import URL

from config.channels import PagerDutyEntry, SlackEntry
from config.receiver import Receiver
from tests.workers.console.rig import ConsoleRig
from tests.workers.incidents.scene import arrival
from workers.console import bodies
from workers.console.pagerduty import deed, is_pagerduty
from workers.store import Store

SIGNING, WEBHOOK = "signing-secret-of-slack", "secret-of-pagerduty"


def with_secrets(rig: ConsoleRig) -> None:
    slack = SlackEntry(channel="C0123456789", token=SecretStr("xoxb-1"), signing_secret=SecretStr(SIGNING))
    pager = PagerDutyEntry(routing_key=SecretStr("0" * 32), webhook_secret=SecretStr(WEBHOOK))
    receivers = {
        **rig.scene.policy.receivers,
        "slack": Receiver("slack", "slack", settings=slack),
        "pager": Receiver("pager", "pagerduty", settings=pager),
    }
    rig.files.policy = replace(rig.scene.policy, receivers=receivers)


async def send(rig: ConsoleRig, path: str, body: bytes, **headers: str) -> int:
    async with rig.browser() as browser, aiohttp.ClientSession() as session:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with session.post(f"{browser.base}{path}", data=body, headers=named) as answer:
            return answer.status


def press(incident: str, action: str = "acknowledge") -> bytes:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "mika"},
        "actions": [{"type": "button", "action_id": f"hikeshi:{action}", "value": incident}],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def slack_headers(rig: ConsoleRig, body: bytes, *, secret: str = SIGNING, late: int = 0) -> dict[str, str]:
    stamp = str(int(rig.clock.now().timestamp()) - late)
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    kind = "application/x-www-form-urlencoded"
    return {"X_Slack_Request_Timestamp": stamp, "X_Slack_Signature": f"v0={digest}", "Content_Type": kind}


async def test_a_button_in_slack_takes_the_incident(store: Store) -> None:
    rig = ConsoleRig(store)
    with_secrets(rig)
    incident = await rig.incident()
    body = press(incident)
    assert await send(rig, "/hooks/slack", body, **slack_headers(rig, body)) == 200
    state = await rig.state(incident)
    assert (state.status, state.acknowledged_by) == ("acknowledged", "slack:mika")
    assert (await rig.timeline(incident))[-1] == ("acknowledged", "slack:mika", "in Slack")
    for action, status in (("assign", "acknowledged"), ("resolve", "resolved"), ("acknowledge", "resolved")):
        body = press(incident, action)
        assert await send(rig, "/hooks/slack", body, **slack_headers(rig, body)) == 200
        assert (await rig.state(incident)).status == status
    assert (await rig.state(incident)).assignee == "slack:mika"


async def test_what_slack_did_not_sign_changes_nothing(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident()
    body = press(incident)
    assert await send(rig, "/hooks/slack", body, **slack_headers(rig, body)) == 401  # no receiver has a secret
    with_secrets(rig)
    for headers in (
        {},
        slack_headers(rig, body, secret="another"),
        slack_headers(rig, body, late=301),
        slack_headers(rig, press(incident, "resolve")),
    ):
        assert await send(rig, "/hooks/slack", body, **headers) == 401
    assert await send(rig, "/hooks/slack", b"x" * 300_000, **slack_headers(rig, body)) == 413
    strange = b"payload=%7B%7D"
    assert await send(rig, "/hooks/slack", strange, **slack_headers(rig, strange)) == 200
    assert (await rig.state(incident)).status == "firing"


async def raw(rig: ConsoleRig, path: str, body: bytes, *headers: bytes) -> bytes:
    """The status line of the answer to a request that no HTTP library would send."""
    async with rig.browser() as browser:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(browser.base).port)
        head = b"\r\n".join([b"POST " + path.encode() + b" HTTP/1.1", b"Host: x", *headers])
        writer.write(head + b"\r\n\r\n" + body)
        try:
            return await asyncio.wait_for(reader.readline(), 5)
        finally:
            writer.close()


@pytest.mark.parametrize("path", ["/hooks/slack", "/hooks/pagerduty"])
async def test_a_stranger_can_make_no_fault_of_ours(store: Store, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these was a 500, an error in the log and a report; a body that never came held its connection."""
    rig = ConsoleRig(store)
    with_secrets(rig)
    stamp = str(int(rig.clock.now().timestamp())).encode()
    signature = b"X-Slack-Signature: v0=\xff", b"X-Slack-Request-Timestamp: " + stamp, b"X-PagerDuty-Signature: v1=\xff"
    assert b" 401 " in await raw(rig, path, b"x", *signature, b"Content-Length: 1")
    assert b" 400 " in await raw(rig, path, b"xyz", b"Content-Encoding: gzip", b"Content-Length: 3")
    large = b"%x\r\n" % 300_000 + b"x" * 300_000 + b"\r\n0\r\n\r\n"
    assert b" 413 " in await raw(rig, path, large, b"Transfer-Encoding: chunked")
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.1)
    assert b" 408 " in await raw(rig, path, b"x", b"Content-Length: 100")


def event(incident: str, kind: str = "incident.acknowledged", agent: str = "user_reference") -> bytes:
    """As in PagerDuty's documentation of V3 webhooks, shortened."""
    return json.dumps(
        {
            "event": {
                "id": "5ac64822-4adc-4fda-ade0-410becf0de4f",
                "event_type": kind,
                "resource_type": "incident",
                "occurred_at": "2026-11-24T03:01:00.000Z",
                "agent": {"id": "P1", "summary": "Mika Tan", "type": agent},
                "client": None,
                "data": {
                    "id": "PGR0VU2",
                    "type": "incident",
                    "number": 2,
                    "status": kind.rpartition(".")[2],
                    "incident_key": f"hikeshi/{incident}",
                    "title": "アクメ: 苦情",
                },
            }
        }
    ).encode()


def signed(body: bytes, secret: str = WEBHOOK) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X_PagerDuty_Signature": f"v1={'0' * 64},v1={digest}", "Content_Type": "application/json"}


async def test_who_takes_it_in_pagerduty_has_taken_it_here(store: Store) -> None:
    rig = ConsoleRig(store)
    with_secrets(rig)
    incident = await rig.incident()
    body = event(incident)
    assert await send(rig, "/hooks/pagerduty", body, **signed(body, "another")) == 401
    assert await send(rig, "/hooks/pagerduty", body) == 401
    assert (await rig.state(incident)).status == "firing"
    for _ in range(2):  # sent again: no second event
        assert await send(rig, "/hooks/pagerduty", body, **signed(body)) == 200
    assert [line for line in await rig.timeline(incident) if line[0] == "acknowledged"] == [
        ("acknowledged", "pagerduty:Mika Tan", "in PagerDuty")
    ]
    body = event(incident, "incident.resolved")
    assert await send(rig, "/hooks/pagerduty", body, **signed(body)) == 200
    assert (await rig.state(incident)).status == "resolved"
    body = event("gone")
    assert await send(rig, "/hooks/pagerduty", body, **signed(body)) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"event": 5}',
        event("k1", "incident.annotated"),
        event("k1", "pagey.ping"),
        event("k1", agent="inbound_integration_reference"),  # our own event, coming back
        event("k1").replace(b"hikeshi/k1", b"another/k1"),
        event("k1").replace(b'"agent": {', b'"agent": null, "x": {'),
        re.sub(rb'"incident_key": "[^"]*"', b'"incident_key": null', event("k1")),
    ],
)
def test_what_is_no_deed_of_a_person_on_ours(body: bytes) -> None:
    assert deed(body) is None


def test_a_signature_is_one_of_those_that_are_there() -> None:
    body = event("k1")
    assert is_pagerduty(body, signed(body)["X_PagerDuty_Signature"], WEBHOOK)
    assert not is_pagerduty(body + b" ", signed(body)["X_PagerDuty_Signature"], WEBHOOK)
    assert not is_pagerduty(body, "v1=é", WEBHOOK)
    assert not is_pagerduty(body, "", WEBHOOK)


async def test_links_page_and_slack_are_one_truth(store: Store) -> None:
    rig = ConsoleRig(store)
    with_secrets(rig)
    incident = await rig.incident(arrival(severity="high"))
    body = press(incident)
    await send(rig, "/hooks/slack", body, **slack_headers(rig, body))
    async with rig.browser() as browser:
        page: Any = await browser.get(rig.link(incident))
        assert "slack:mika has it until" in page.text
