"""A press of Slack's: believed only when Slack signed it now, read only when it is ours."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from workers.incidents.slack_buttons import Press, action_id, payload_of_form, presses, refusal, why_not_slack

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # of Slack's documentation


def signed(body: bytes, at: datetime = NOW, secret: str = SECRET) -> tuple[str, str]:
    stamp = str(int(at.timestamp()))
    return stamp, "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()


def test_slacks_own_example() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert why_not_slack(body, "1531420618", signature, SECRET, datetime.fromtimestamp(1531420618, UTC)) is None


@pytest.mark.parametrize("late", [timedelta(seconds=301), timedelta(seconds=-301)])
def test_a_replay_is_refused(late: timedelta) -> None:
    stamp, signature = signed(b"x")
    assert why_not_slack(b"x", stamp, signature, SECRET, NOW + late) == "it is not fresh"


def test_another_body_or_secret_is_refused() -> None:
    stamp, signature = signed(b"x")
    assert why_not_slack(b"x", stamp, signature, SECRET, NOW) is None
    assert why_not_slack(b"y", stamp, signature, SECRET, NOW) == "its signature is wrong"
    assert why_not_slack(b"x", stamp, signature, "other", NOW) == "its signature is wrong"
    assert why_not_slack(b"x", stamp, "", SECRET, NOW) == "its signature is wrong"
    assert why_not_slack(b"x", stamp, "v0=é", SECRET, NOW) == "its signature is wrong"
    for stamp in ("", "abc", "-1", "9" * 30, "１２３"):
        assert why_not_slack(b"x", stamp, signature, SECRET, NOW) == "it has no timestamp"


def pressed(**more: Any) -> dict[str, Any]:
    action = {"type": "button", "action_id": action_id("resolve"), "value": "i-1"}
    return {
        "type": "block_actions", "user": {"id": "U1", "username": "mika"}, "response_url": "https://hooks.slack.com/1",
        "actions": [action],
    } | more  # fmt: skip


def test_ours_are_read() -> None:
    body = urlencode({"payload": json.dumps(pressed())}).encode()
    assert presses(payload_of_form(body)) == [Press("resolve", "i-1", "slack:mika", "https://hooks.slack.com/1")]


@pytest.mark.parametrize(
    "payload",
    [
        None, 1, [], "x", {}, {"type": "view_submission"}, pressed(user=None), pressed(user={}), pressed(actions=None),
        pressed(actions=[None]), pressed(actions=[{"action_id": "resolve", "value": "i-1"}]),
        pressed(actions=[{"action_id": "hikeshi:open", "value": "i-1"}]),
        pressed(actions=[{"action_id": "hikeshi:resolve", "value": 1}]),
        pressed(actions=[{"action_id": "hikeshi:drop_tables", "value": "i-1"}]),
    ],
)  # fmt: skip
def test_anything_else_is_no_press(payload: Any) -> None:
    assert presses(payload) == []


@pytest.mark.parametrize("body", [b"", b"payload", b"payload=%7B", b"\xff", b"a=b"])
def test_a_form_without_a_payload(body: bytes) -> None:
    assert payload_of_form(body) is None


def test_a_refusal_is_seen_by_the_presser_alone_and_makes_no_markup() -> None:
    said = refusal("is <!channel> resolved", "ja")
    assert (said["response_type"], said["replace_original"]) == ("ephemeral", False)
    assert said["text"] == "できませんでした：is &lt;!channel&gt; resolved"
