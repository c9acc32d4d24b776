"""Alerts as they are frozen, from the shortest to what no limit holds."""

from typing import Any

import msgspec

from config.channels import ChannelEntry
from config.templates import built_in
from tests.workers.dispatcher.rig import MovedClock
from workers.dispatcher.channels.tools import Ref, Tools
from workers.dispatcher.payload import (
    Alert,
    AnsweredPost,
    Links,
    Loud,
    More,
    PostAuthor,
    PostMark,
    ShownAnswer,
    ShownIncident,
    ShownPost,
    Spread,
    encoded,
    post_url,
)
from workers.dispatcher.style import Style

FAMILY, FLAG, THUMB = "👨‍👩‍👧‍👦", "🇯🇵", "👍🏽"
JA, EN = Style("ja", "Asia/Tokyo"), Style("en", "Europe/London")
# What meets every limit: Japanese of three bytes, emoji of many code points, a letter with its accent apart.
LONG = {
    "japanese": "火の用心、充電器から煙が出た。" * 450,
    "emoji": f"{FAMILY}{FLAG}{THUMB}🔥" * 300,
    "accents": "cafe\u0301 " * 1100,
    "markup": "*bold* <@everyone> @here [a](http://b) `x` ~~y~~ &amp; <b> " * 110,
    "one word": "あ" * 25_000,
}
LINKS = Links("https://h.example.com/incidents/1?key=i-1", "https://h.example.com/incidents/1?key=a-1")
ANSWER = ShownAnswer(
    "充電器が熱い", "ご不便をおかけしています。", "ja", "「煙」がある",
    "https://x.com/intent/tweet?in_reply_to=1&text=%E3%81%94",
)  # fmt: skip


def post(text: str = "アクメの充電器から煙が出た🔥", number: int = 1) -> ShownPost:
    """A post by somebody known."""
    author = PostAuthor(f"user{number}", f"花子{number}🌸", 1234)
    return ShownPost(
        str(1_900_000_000_000_000_000 + number), post_url("1", "user"), text, "ja", "2026-11-24T01:05:00Z", author
    )


def alert(*posts: ShownPost, incident: str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", **more: Any) -> Alert:
    """An alert about an incident at nine in the morning, in Tokyo ten."""
    shown = {
        "id": incident, "key": "acme/care/1", "scope": "root", "brand": "acme", "kind": "complaint",
        "severity": "high", "status": "firing", "opened_at": "2026-11-24T01:05:02Z", "post_count": max(1, len(posts)),
        "author_count": 1, "reasons": ["says: 煙が出た"],
    } | {key: more.pop(key) for key in list(more) if key in ShownIncident.__struct_fields__}  # fmt: skip
    return Alert(
        **{
            "reason": "first", "receiver": "desk", "incident": ShownIncident(**shown), "posts": list(posts),
            "more": More(), "sample": False, "brand_name": "アクメ",
        } | more
    )  # fmt: skip


def full(*posts: ShownPost, answered: str = "新製品です", **more: Any) -> Alert:
    """With everything that an alert can carry."""
    shown = posts or (post(),)
    marks = {
        p.id: PostMark("complaint", "high", "notable", AnsweredPost(post_url("0"), answered, "公式", "acme_jp"))
        for p in shown
    }
    return alert(
        *shown, marks=marks, loud=[Loud("火の用心", "hinoyojin", 120_000, "influencer")], spread=Spread(400, 40),
        answer=ANSWER, links=LINKS, **more,
    )  # fmt: skip


def bodies() -> dict[str, bytes]:
    """Alerts that every channel must take, by name."""
    shapes = {
        "bare": alert(post()),
        "full": full(),
        "sample": full(sample=True),
        "no posts": alert(reason="repeat"),
        "resolved": alert(reason="all_resolved", status="resolved"),
        "taken": full(status="acknowledged", acknowledged_by="slack:mika", acknowledged_until="2026-11-24T01:35:00Z"),
        "burst": full(scope="burst", severity="critical", post_count=500, author_count=480),
        "ops": alert(scope="ops", kind="ops", reasons=["X has been silent for 95 s"]),
        "twenty posts": full(*(post(number=n) for n in range(1, 21)), more=More(480, 12, ["a"])),
        "unknown author": alert(ShownPost("1", post_url("1"), "?", None, "2026-11-24T01:05:00Z", None)),
        "names at their longest": full(
            ShownPost("1", post_url("1"), "x", "ja", "2026-11-24T01:05:00Z", PostAuthor("a" * 15, FAMILY * 50, 10**9)),
            assignee=FAMILY * 200, reasons=["火" * 900] * 8, brand_name="寿限無" * 100,
        ),
    }  # fmt: skip
    shapes["everything at its longest"] = msgspec.structs.replace(
        full(status="acknowledged", brand_name="寿" * 900, reasons=["火" * 900] * 4, more=More(9, 9, ["a"])),
        acknowledged_by="花" * 900, acknowledged_until="2026-11-24T01:35:00Z",
        loud=[Loud("火" * 900, "hinoyojin", 1, "influencer")] * 3,
        answer=ShownAnswer("充" * 900, "ご" * 900, "ja", "煙" * 900, ANSWER.url),
    )  # fmt: skip
    longest = "あ&<" * 8_333
    shapes["twenty of X's longest"] = full(*(post(longest, n) for n in range(1, 21)))
    shapes["twenty replies to X's longest"] = full(*(post(number=n) for n in range(1, 21)), answered=longest)
    for name, text in LONG.items():
        shapes[f"one long post: {name}"] = full(post(text))
        if name in ("japanese", "emoji"):
            shapes[f"twenty long posts: {name}"] = full(*(post(text, n) for n in range(1, 21)))
        book = ShownAnswer(text[:600], text[:600], "ja", text[:300], ANSWER.url)
        shapes[f"long answer: {name}"] = alert(post(text), answer=book, links=LINKS)
    return {name: encoded(shape) for name, shape in shapes.items()}


class OneBook:
    """A book that a test fills."""

    def __init__(self) -> None:
        self.mains: dict[str, Ref] = {}

    async def main(self, incident: str) -> Ref | None:
        return self.mains.get(incident)


def tools(client: Any, book: OneBook | None = None) -> Tools:
    return Tools(client, MovedClock(), built_in, book or OneBook())


def entry(model: type[ChannelEntry], **keys: Any) -> Any:
    """A channel's keys, secrets as text."""
    return model.model_validate(keys)
