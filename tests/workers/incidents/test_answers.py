"""Which answer of the book a post gets, in which language, and why."""

from urllib.parse import parse_qs, urlsplit

import pytest

from config.answers import AnswerEntry
from config.keywords import Keyword
from workers.incidents.answers import Answering, best_answer, reply_url, stands_in


def entry(situation: str, when: dict[str, object], **answer: str) -> AnswerEntry:
    return AnswerEntry.model_validate(
        {"situation": situation, "when": when, "answer": answer or {"ja": "答", "en": "answer"}}
    )


def asked(text: str, *, kind: str = "complaint", lang: str | None = "ja", brand: str = "acme") -> Answering:
    return Answering("42", brand, kind, "high", lang, text)


HOT = entry("hot", {"kind": "complaint", "keywords": ["熱い", "煙", "overheat"]})
SMOKE = entry("smoke", {"keywords": ["煙"], "kind": "complaint", "brand": "acme"})
QUESTION = entry("question", {"kind": "question"})
BOOK = (HOT, SMOKE, QUESTION)


@pytest.mark.parametrize(
    ("post", "situation", "reason"),
    [
        (asked("充電器が熱い、煙も"), "hot", "「熱い」、「煙」がある"),  # two words found against one
        (asked("煙が出た"), "smoke", "「煙」がある"),  # one each: more conditions
        (asked("煙が出た", brand="other"), "hot", "「煙」がある"),
        (asked("どこで買えますか", kind="question"), "question", "kind questionに当てはまる"),
        (asked("充電器が冷たい"), None, ""),
        (asked("煙", kind="praise"), None, ""),
        (asked("ＯＶＥＲＨＥＡＴした", lang="en"), "hot", "「overheat」がある"),  # full-width, as X's phones write it
    ],
)
def test_the_best_entry(post: Answering, situation: str | None, reason: str) -> None:
    found = best_answer(BOOK, post, "ja")
    assert (found.situation if found else None) == situation
    assert (found.reason if found else "") == reason


def test_the_text_is_in_the_posts_language_else_in_one_that_there_is() -> None:
    only_english = (entry("x", {"kind": "complaint"}, en="sorry"),)
    assert (best_answer(BOOK, asked("smoke: overheat", lang="en"), "ja") or HOT).language == "en"  # type: ignore[union-attr]
    assert (best_answer(BOOK, asked("煙", lang="und"), "ja") or HOT).language == "ja"  # type: ignore[union-attr]
    assert (best_answer(only_english, asked("煙"), "ja") or HOT).text == "sorry"  # type: ignore[union-attr]


def test_a_person_sends_it_in_xs_own_window() -> None:
    url = urlsplit(reply_url("42", "お詫び & #1 \n🔥"))
    assert (url.scheme, url.netloc, url.path) == ("https", "x.com", "/intent/tweet")
    assert parse_qs(url.query) == {"in_reply_to": ["42"], "text": ["お詫び & #1 \n🔥"]}


@pytest.mark.parametrize(
    ("keyword", "text", "stands"),
    [
        ("hot", "it is hot!", True),
        ("hot", "a photo", False),
        ("hot", "photo, hot", True),
        ("熱い", "とても熱いです", True),
        ("ゴミ", "ゴミだ", True),
        ("ゴミ", "ゴミゴミした", False),
        ("サン", "サンダル", False),
    ],
)
def test_words_stand_as_the_brands_keywords_do(keyword: str, text: str, stands: bool) -> None:
    assert stands_in(Keyword(text=keyword), text) is stands
