"""Keywords: the rule that holds where the user names none, and what is no keyword at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.keywords import Keyword, comparable, default_rule

RULES = {
    "Acme": "word",
    "ＡＣＭＥ": "word",
    "Café": "word",
    "acme klein": "word",
    "AC/DC": "word",
    "#Acme": "word",
    "5G": "word",
    "2024": "word",
    "サン": "word",
    "さん": "word",
    "アクメ": "word",
    "ｱｸﾒ": "word",
    "ｶﾞｽﾄ": "word",
    "#アクメ": "word",
    "スーパ": "word",
    "サ・ン": "word",
    "スーパー": "anywhere",
    "アクメン": "anywhere",
    "ひけしや": "anywhere",
    "アクメ社": "anywhere",
    "東京": "anywhere",
    "火": "anywhere",
    "Acme東京": "anywhere",
    "Acmeサン": "anywhere",
    "삼성": "anywhere",
    "🔥": "anywhere",
    "🫨": "anywhere",
}


@pytest.mark.parametrize("text", RULES)
def test_the_default_rule(text: str) -> None:
    assert default_rule(text) == RULES[text]
    assert Keyword(text=text).rule == RULES[text]
    assert Keyword(text=text, match="anywhere").rule == "anywhere"
    assert Keyword(text=text, match="word").rule == "word"


def test_text_alone_is_a_keyword() -> None:
    assert Keyword.model_validate("サン") == Keyword(text="サン")


@pytest.mark.parametrize("text", ["", " ", "　", "\u200b", "ー", "ーー", "#", "＃", "@", "#ー", "™", "\ufe0f"])
def test_what_matches_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Keyword(text=text)


@given(st.text())
def test_what_is_compared_stays_the_same_when_compared_again(text: str) -> None:
    assert comparable(comparable(text)) == comparable(text)


@given(st.text(max_size=50))
def test_what_is_accepted_has_something_to_find(text: str) -> None:
    try:
        keyword = Keyword(text=text)
    except ValidationError:
        return
    assert comparable(keyword.text).strip("ー #@")
