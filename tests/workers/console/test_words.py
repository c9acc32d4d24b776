"""Both languages say the same things, and the reader gets the right one."""

import re
from pathlib import Path

import pytest

from workers.console import rendering
from workers.console.acts import ACTS
from workers.console.said import said
from workers.console.words import WORDS, accepted


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    english, japanese = WORDS["en"], WORDS["ja"]
    assert english.keys() == japanese.keys()
    for name in english:
        assert set(re.findall(r"{\w+}", english[name])) == set(re.findall(r"{\w+}", japanese[name])), name


def test_every_word_that_a_template_names_is_there_and_every_act_has_its_own() -> None:
    templates = "".join(path.read_text("utf-8") for path in Path(rendering.__file__).parent.glob("templates/*.html"))
    named = set(re.findall(r"words\.(\w+)", templates)) | {f"done_{act}" for act in ACTS}
    assert named <= WORDS["en"].keys()


@pytest.mark.parametrize(
    ("text", "japanese"),
    [
        ("complaint, severity high", "苦情、深刻度 高"),
        ("complaint, severity high, influence influencer", "苦情、深刻度 高、影響力: インフルエンサー"),
        ("low → high: complaint, severity high", "低 → 高（苦情、深刻度 高）"),
        ("desk: first", "desk（新規）"),
        ("to Ken", "Kenさんへ"),
        ("to Ken: 夜勤", "Kenさんへ: 夜勤"),
        ("by the incident's link", "リンクから"),
        ("the acknowledgement by 佐藤 ran out", "佐藤さんの対応時間が過ぎました"),
        ("night: to pager", "night: pagerへ"),
        ("お客様に電話した\n留守だった", "お客様に電話した\n留守だった"),
    ],
)
def test_our_own_sentences_in_japanese(text: str, japanese: str) -> None:
    assert said(text, "ja") == japanese
    assert said(text, "en") == text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en-US;q=0.8", "ja"),
        ("en-US,ja;q=0.9", "en"),
        ("fr;q=1, ja;q=0.2, en;q=0.1", "ja"),
        ("ja;q=0", None),
        ("*", None),
        ("", None),
        ("ja;q=1.2.3", None),
        ("日本語", None),
        ("," * 100_000, None),
    ],
)
def test_what_a_browser_asks_for(header: str, language: str | None) -> None:
    assert accepted(header) == language
