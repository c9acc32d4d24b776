"""What Teams, Slack and Alertmanager are sent stays within their limits, whatever is long, and keeps what matters."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest
import regex

from config import words
from config.templates import built_in
from tests.support.providers.base import units
from tests.workers.dispatcher.channels.alerts import ANSWER, FAMILY, JA, LINKS, LONG, THUMB, full, post
from workers.dispatcher.channels import alertmanager, slack_blocks, teams
from workers.dispatcher.channels.plain import Parts
from workers.dispatcher.payload import Alert, Loud, More, PostAuthor, ShownAnswer, ShownPost
from workers.dispatcher.view import View, view

TEXTS: Final = {
    **LONG,
    "families": FAMILY * 2000,
    "skin colours": f"火{THUMB}" * 4000,
    "quotes": '"' * 9000,
    "backslashes": "\\" * 9000,
    "lines": "火\n" * 5000,
    "escapes and emoji": f'"\\{FAMILY}\t' * 900,
    "control characters": "\x01\x1b\x7f" * 3000,
}
HEADLINE: Final = re.compile("【新規】.*・苦情・深刻度高", re.DOTALL)
_CUT: Final = re.compile(r"… \(\+(\d+)\)")


def one(text: str, number: int = 1, author: PostAuthor | None = None) -> ShownPost:
    """A post with an address of its own."""
    url = f"https://x.com/user{number}/status/{number}"
    return msgspec.structs.replace(post(text, number), url=url, author=author)


def crowded(text: str) -> Alert:
    """All that can be long is, at once."""
    posts = [one(text, n, PostAuthor("hanako_12345678", text[:1000], 1_000_000)) for n in range(1, 21)]
    alert = full(
        *posts, answered=text, brand_name=text[:1000], assignee=text[:1000], reasons=[text[:2000]] * 4,
        more=More(7, 0, []),
    )  # fmt: skip
    url = f"{ANSWER.url}{'%E3%81%94' * 280}"  # X's longest answer, none of its characters an ASCII one
    return msgspec.structs.replace(
        alert,
        loud=[Loud(text[:1000], "hinoyojin", 120_000, "influencer")] * 3,
        answer=ShownAnswer(text[:1000], text[:1000], "ja", text[:1000], url),
    )


ALERTS: Final = {
    **{f"all: {name}": crowded(text) for name, text in TEXTS.items()},
    **{f"posts: {name}": full(*(one(text, n) for n in range(1, 21))) for name, text in TEXTS.items()},
    **{f"post: {name}": full(one(text)) for name, text in TEXTS.items()},
    "reasons": full(one("煙が出た"), reasons=['"' * 9000]),
    "brand": full(one("煙が出た"), brand_name="寿限無" * 300),
}


@pytest.fixture(params=ALERTS)
def shown(request: pytest.FixtureRequest) -> View:
    return view(ALERTS[request.param], JA)


def parts(kind: str) -> Parts:
    return Parts(built_in(), kind, "ja")


def raw(body: Any) -> bytes:
    """As it is sent; it must read as what it was made of."""
    sent = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    assert json.loads(sent) == body
    return sent


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def no_half_characters(body: Any, shown: View) -> int:
    """Each cut stands between what a reader sees as characters. Returns how many cuts there are."""
    whole = regex.findall(r"\X", "".join(p["text"] for p in shown["posts"][:1]) + shown["brand"])
    known, code_points = set(whole), set("".join(whole))
    cuts = 0
    for text in strings(body):
        for found in _CUT.finditer(text):
            kept = regex.findall(r"\X", text[: found.start()])
            assert not kept or not set(kept[-1]) & code_points or kept[-1] in known, text[-60:]
            cuts += 1
    return cuts


def ends_with_the_post(text: str, shown: View) -> bool:
    """The first post's text whole, or its beginning with how many characters are left out."""
    seen = regex.findall(r"\X", shown["posts"][0]["text"])
    if text.endswith(shown["posts"][0]["text"]):
        return True
    cut = re.search(r"… \(\+(\d+)\)\Z", text)
    kept = seen[: -int(cut[1])] if cut else []
    return cut is not None and kept != [] and text[: cut.start()].endswith("".join(kept))


def test_a_card_of_teams(shown: View) -> None:
    message = teams.message(shown, parts("teams"))
    assert len(raw(message)) <= 20_000  # users saw 413 from 21 KB on
    no_half_characters(message, shown)
    card = message["attachments"][0]["content"]
    assert HEADLINE.match(card["body"][0]["inlines"][0]["text"])
    reply = shown["answer"]["url"]
    assert [a["url"] for a in card["actions"]] == [LINKS.acknowledge, LINKS.incident, reply]
    posts = [element["items"] for element in card["body"] if element.get("separator")]
    assert ends_with_the_post(posts[0][-2]["inlines"][0]["text"], shown)
    assert [items[-1]["text"] for items in posts] == [f"[Xで見る]({p['url']})" for p in shown["posts"][: len(posts)]]
    assert_the_rest_is_counted(raw(message).decode(), len(posts), shown)


def test_a_message_of_slack(shown: View) -> None:
    message = slack_blocks.main_message(shown, parts("slack"), buttons=True)
    within_slacks_limits(message, shown)
    blocks = message["blocks"]
    assert HEADLINE.match(blocks[0]["text"]["text"])
    buttons = blocks[-1]["elements"]
    assert [b.get("url") for b in buttons][-1] == LINKS.incident
    assert "hikeshi:acknowledge" in [b["action_id"] for b in buttons]


def test_a_reply_in_a_thread_of_slack(shown: View) -> None:
    message = slack_blocks.reply(shown, parts("slack"))
    within_slacks_limits(message, shown)
    assert HEADLINE.match(message["blocks"][0]["text"]["text"])


def within_slacks_limits(message: dict[str, Any], shown: View) -> None:
    blocks = message["blocks"]
    assert units(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) <= 12_000  # users measured 13,200
    assert len(blocks) <= 50
    raw(message)
    no_half_characters(message, shown)
    assert units(message["text"]) <= 4000
    assert HEADLINE.match(message["text"])
    posts = [b["elements"] for b in blocks if b["type"] == "rich_text"]
    answer = posts.pop()
    assert answer[-1]["elements"][0]["url"] == shown["answer"]["url"]
    assert ends_with_the_post(posts[0][1]["elements"][0]["text"], shown)
    assert [p[-1]["elements"][0]["url"] for p in posts] == [p["url"] for p in shown["posts"][: len(posts)]]
    assert_the_rest_is_counted(raw(blocks).decode(), len(posts), shown)


def test_an_alert_of_alertmanager(shown: View) -> None:
    alert = alertmanager.alert(shown, parts("alertmanager"), "desk", datetime(2026, 11, 24, 1, 6, tzinfo=UTC))
    raw(alert)
    no_half_characters(alert, shown)
    assert alert["labels"]["severity"] == "high"
    annotations = alert["annotations"]
    assert HEADLINE.match(annotations["summary"])
    assert annotations["acknowledge"] == LINKS.acknowledge
    assert annotations["reply"] == shown["answer"]["url"]
    for name, text in annotations.items():
        assert len(text.encode()) <= 4096 or name == "reply", name
    told = [p["url"] for p in shown["posts"] if p["url"] in annotations["posts"].split("\n")]
    assert told == [p["url"] for p in shown["posts"][: len(told)]]
    assert told
    assert ends_with_the_post(annotations["posts"].partition(f"\n{told[0]}")[0], shown)
    assert_the_rest_is_counted(annotations.get("more", ""), len(told), shown)


def assert_the_rest_is_counted(said: str, count: int, shown: View) -> None:
    rest = shown["more"]["posts"] + len(shown["posts"]) - count
    assert rest == 0 or f"ほかに投稿{rest}件" in said


@pytest.mark.parametrize("name", ["japanese", "families", "escapes and emoji"])
def test_there_is_something_to_cut(name: str) -> None:
    shown = view(ALERTS[f"all: {name}"], JA)
    assert no_half_characters(teams.message(shown, parts("teams")), shown) > 3
    assert no_half_characters(slack_blocks.reply(shown, parts("slack")), shown) > 3


@pytest.mark.parametrize("language", words.REASONS)
def test_the_longest_headline_has_room_in_a_header_of_slack(language: str) -> None:
    style = JA._replace(language=language)
    for reason in words.REASONS[language]:
        for kind in words.KINDS[language]:
            alert = full(reason=reason, kind=kind, severity="critical", sample=True, brand_name=FAMILY * 9 + "寿" * 99)
            header = slack_blocks.main_message(view(alert, style), Parts(built_in(), "slack", language), buttons=False)[
                "blocks"
            ][0]
            severity = words.SEVERITIES[language]["critical"]
            assert header["text"]["text"].endswith(severity), header
            assert units(header["text"]["text"]) <= 150
