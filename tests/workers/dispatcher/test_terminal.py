"""Notifications on a terminal, in both languages."""

import msgspec

from workers.dispatcher.payload import More, Notification, PostAuthor, ShownIncident, ShownPost, post_url
from workers.dispatcher.terminal import render


def body(text: str = "充電器が壊れた🔥", **changed: object) -> bytes:
    incident = ShownIncident(
        "7k2m", "acme/care/90", "root", "acme", "complaint", "high", "firing", "2026-11-24T03:00:00.000Z", 2, 2,
        ["「壊れた」と述べている"],
    )  # fmt: skip
    author = PostAuthor("mika_01", "みか", 1234)
    post = ShownPost("90", "https://x.com/mika_01/status/90", text, "ja", "2026-11-24T03:00:00.000Z", author)
    shown = Notification(
        reason="first", receiver="desk", incident=incident, posts=[post], more=More(5, 2, ["a", "b"]), sample=False
    )
    return msgspec.json.encode(msgspec.structs.replace(shown, **changed))


def test_it_says_who_what_how_bad_and_what_to_do() -> None:
    shown = render(body(), "en", "Asia/Tokyo")
    for part in ("[NEW]", "acme", "complaint", "high", "posts: 2, authors: 2", "みか @mika_01 (1,234 followers)",
                 "充電器が壊れた🔥", "2026-11-24 12:00:00 JST",
                 "https://x.com/mika_01/status/90", "more posts: 5, more incidents: 2",
                 "hikeshi incidents ack 7k2m --by NAME"):  # fmt: skip
        assert part in shown


def test_in_japanese() -> None:
    shown = render(body(), "ja", "Asia/Tokyo")
    for part in ("[新規]", "苦情", "深刻度高", "投稿2件・投稿者2人", "フォロワー1,234人", "ほかに投稿5件"):
        assert part in shown


def test_an_address_steers_no_terminal_and_ends_no_link() -> None:
    """Names come from whoever writes marks: one with an escape sequence came through in the post's address."""
    assert post_url("1900000000000000001", "mika_01") == "https://x.com/mika_01/status/1900000000000000001"
    assert post_url("at://x:1") == "https://x.com/i/status/at:%2F%2Fx:1"
    url = post_url("9\x07)", "a\x1b[31m/../)](https://evil.example")
    assert url.isprintable()
    assert not set(url) & set("()[]<> ")
    assert url.startswith("https://x.com/a%1B%5B31m%2F..%2F")


def test_a_post_cannot_steer_the_terminal() -> None:
    shown = render(body("赤\x1b[31m字\x07\u202e逆\u2028行 👨‍👩‍👧"), "en", "Asia/Tokyo")
    assert not set(shown) & {"\x1b", "\x07", "\u202e", "\u2028"}
    assert "👨‍👩‍👧" in shown


def test_a_long_post_is_cut_by_lines() -> None:
    shown = render(body("\n".join(f"行{i}" for i in range(50))), "ja", "Asia/Tokyo")
    assert "行2" in shown
    assert "行3\n" not in shown
