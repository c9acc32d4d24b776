"""One text of an alert: what has room, and a user's template that fails when it matters."""

import structlog

from config.templates import Templates
from tests.workers.dispatcher.channels.alerts import EN, JA, alert, full, post
from workers.dispatcher.channels.plain import Parts, whole_text
from workers.dispatcher.fitting import Block, fit
from workers.dispatcher.measure import characters, code_units, cut, graphemes, utf8_bytes
from workers.dispatcher.view import view


def test_a_users_template_that_fails_is_told_in_the_log_and_ours_goes_out() -> None:
    own = Templates({"line.ja.j2": "{% macro headline(a) %}{{ a.links.incident }}{% endmacro %}"})
    shown = view(alert(post()), JA)  # without links, which the user had not thought of
    with structlog.testing.capture_logs() as logs:
        text = whole_text(shown, Parts(own, "line", "ja"), 5000, code_units)
    assert text.startswith("【新規】アクメ・苦情・深刻度高")
    assert logs[0]["event"] == "template_failed"
    assert logs[0]["fault"].startswith("templates/line.ja.j2:1: ")


def test_what_has_no_room_is_counted() -> None:
    shown = view(full(*(post("あ" * 100, number) for number in range(1, 21))), EN)
    text = whole_text(shown, Parts(Templates(), "line", "en"), 1500, code_units)
    assert code_units(text) <= 1500
    left = text.count("あ" * 100)
    assert f"+{20 - left} more posts" in text
    assert "https://h.example.com/incidents/1?key=a-1" in text  # the links stay whatever has no room


def test_the_answer_gives_way_before_the_links() -> None:
    shown = view(full(post("x" * 500)), EN)
    text = whole_text(shown, Parts(Templates(), "line", "en"), 400, code_units)
    assert code_units(text) <= 400
    assert "intent/tweet" not in text
    assert "key=a-1" in text


def test_a_post_is_cut_before_its_link() -> None:
    block = Block(lambda text: f"who\n{text}\nhttps://x.com/i/status/1", "火" * 500)
    text = fit("head", [block], ["tail"], "+{}".format, 200, characters, str)
    assert len(text) <= 200
    assert "https://x.com/i/status/1" in text
    kept = text.count("火")
    assert f"… (+{500 - kept})" in text


def test_units_are_the_providers() -> None:
    text = "火🔥👨‍👩‍👧e\u0301"
    assert (characters(text), code_units(text), utf8_bytes(text), graphemes(text)) == (9, 13, 28, 4)


def test_a_cut_never_splits_what_a_reader_sees_as_one() -> None:
    for unit in (characters, code_units, utf8_bytes, graphemes):
        for limit in range(60):
            shown = cut("👨‍👩‍👧‍👦🇯🇵👍🏽がe\u0301" * 9, limit, unit)
            assert unit(shown) <= limit
            kept = shown.partition("…")[0]
            assert ("👨‍👩‍👧‍👦🇯🇵👍🏽がe\u0301" * 9).startswith(kept)
            whole = ("", "👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦🇯🇵", "👨‍👩‍👧‍👦🇯🇵👍🏽", "👨‍👩‍👧‍👦🇯🇵👍🏽が")
            assert kept.replace("👨‍👩‍👧‍👦🇯🇵👍🏽がe\u0301", "") in whole
