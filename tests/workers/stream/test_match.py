"""Matching by the contract: widths, scripts, borders, masks, context, handles, quotes, languages."""

import json
from typing import Any

import pytest

from config.brands import Brand
from config.keywords import Keyword
from workers.stream.match import Matcher
from workers.stream.normalise import normalise
from workers.stream.parse import parse_line
from workers.stream.post import Post


def brand(keywords: tuple[Any, ...] = ("Acme",), **fields: Any) -> Brand:
    return Brand.model_validate({"name": "Acme", "id": "acme", "keywords": list(keywords)} | fields)


def post(text: str, **fields: Any) -> Post:
    includes = fields.pop("includes", {})
    line = {"data": {"id": "1", "text": text} | fields, "includes": includes}
    return parse_line(json.dumps(line).encode()).posts[0]


def found(text: str, *keywords: Any, **fields: Any) -> list[str]:
    matches = Matcher([brand(keywords, **fields)]).match(post(text))
    return matches[0].keywords if matches else []


def reason(message: Post, **fields: Any) -> str | None:
    matches = Matcher([brand(**fields)]).match(message)
    return matches[0].reason if matches else None


ANYWHERE = {"text": "サン", "match": "anywhere"}
WORD = {"text": "Acme", "match": "word"}


@pytest.mark.parametrize(
    ("keyword", "text", "matches"),
    [
        # Latin: alone, whatever the case, the width and the punctuation around it
        ("Acme", "I love Acme", True),
        ("Acme", "ACME!", True),
        ("Acme", "ａｃｍｅが壊れた", True),
        ("ＡＣＭＥ", "acme", True),
        ("Acme", "acmeology", False),
        ("Acme", "pacme", False),
        ("Acme", "acme2", False),
        ("Acme", "2acme", False),
        ("Acme", "acmé", False),
        ("Acme", "acmeé", False),
        ("Acme", "acmeが最高", True),
        ("Acme", "昨日acme買った", True),
        ("Acme", "#acme", True),
        ("Acme", "acme's new one", True),
        ("Acme", "acme_jp", True),
        ("Acme", "Acme™ is back", True),
        ("Acme", "Acme®", True),
        ("Acme", "😀acme😀", True),
        ("Acme", "acme\ufe0f", True),
        ("Acme", "ac\u200bme", True),
        ("Acme", "ac\u00adme", True),
        ("Acme", "acme\u0329x", False),  # an accent without a composed form belongs to the letter
        ("Acme", "line one\nacme\nline three", True),
        ({"text": "Acme", "match": "anywhere"}, "acmeology", True),
        ("Acme Klein", "the acme  klein bottle", True),
        ("Acme Klein", "the acme\nklein bottle", True),
        ("AT&T", "at&t is down", True),
        ("AT&T", "cat&t", False),
        ("Straße", "STRASSE 5", True),
        ("café", "CAFE\u0301!", True),
        ("7pay", "７ｐａｙ使えない", True),
        ("7pay", "17pay", False),
        # kana of three or fewer: alone in its script
        ("サン", "サンダル", False),
        ("サン", "サン、です", True),
        ("サン", "サンは高い", True),
        ("サン", "日サン年", True),
        ("サン", "スーパーサン", False),
        ("サン", "サンー", True),
        ("サン", "サンータ", False),
        ("サン", "ｻﾝの靴", True),
        ("サン", "ｻﾝﾀﾞﾙ", False),
        ("サン", "サン・ゴ", True),
        ("サン", "サンacme", True),
        ("さくら", "さくらが咲く", False),  # が is hiragana as well
        ("さくら", "さくら、咲く", True),
        ("さくら", "サクラ", False),
        (ANYWHERE, "サンダル", True),
        ("アクメ", "アクメさん", True),
        ("アクメ", "アクメ゙ン", False),
        ("カ", "カ゚", False),
        ("カ", "ガ", False),
        ("カ", "カ\u3099", False),
        ("#アクメ", "これ #アクメ 最高", True),
        ("#アクメ", "＃ｱｸﾒ", True),
        ("#アクメ", "#アクメジャパン", False),
        # longer kana, kanji and mixtures: anywhere
        ("アクメラ", "スーパーアクメラー", True),
        ("東京電機", "新東京電機店", True),
        ("Acmeジャパン", "xacmeジャパンy", True),
        ({"text": "東京", "match": "word"}, "東京都", True),  # kanji have no borders
        # a final ー is optional, in the keyword and in the text
        ("サーバー", "サーバが落ちた", True),
        ("サーバ", "サーバーが落ちた", True),
        ("サーバー", "クラウドサーバ群", True),
        ("コピー", "コピを取る", True),
        ("コピー", "コピーを取る", True),
        ("コピー", "コピペ", False),
        ("コピー", "コピーライト", False),
        ("コピー", "コピーーー！", True),
        ("わーー", "わー", True),
        ("Acme", "acmeー", True),
        ("한국전자", "새 한국전자는", True),
        ("🔥ブランド", "これが🔥ブランドだ", True),
    ],
)
def test_a_keyword_in_a_text(keyword: Any, text: str, matches: bool) -> None:
    assert bool(found(text, keyword)) is matches


def test_keywords_are_told_as_written_in_the_order_of_the_file() -> None:
    assert found("ｱｸﾒ ACME acme", "アクメ", "Acme", "other", "ＡＣＭＥ") == ["アクメ", "Acme", "ＡＣＭＥ"]


@pytest.mark.parametrize(
    ("keyword", "exclude", "text", "matches"),
    [
        ("京都", "東京都", "東京都に住む", False),
        ("京都", "東京都", "東京都から京都へ", True),
        ("京都", "東京都", "京都から東京都へ", True),
        ("Acme", "acme klein", "an Acme Klein bottle", False),
        ("Acme", "acme klein", "an ACME KLEIN bottle by Acme", True),
        ("Acme", "acme klein", "acme kleiner", True),  # the mask is a word of its own
        ("acme klein", "klein bottle", "acme klein bottle", False),  # a part of it is gone
        ({"text": "bottle", "match": "word"}, {"text": "klein", "match": "anywhere"}, "kleinbottle", True),
        ("サン", "サンタ", "サンタ", False),
    ],
)
def test_an_excluded_span_is_masked(keyword: Any, exclude: Any, text: str, matches: bool) -> None:
    assert bool(found(text, keyword, exclude=[exclude])) is matches


def test_overlapping_masks_become_one() -> None:
    assert not found("abcdefg", {"text": "c", "match": "anywhere"}, exclude=[anywhere("bcd"), anywhere("abc")])
    assert not found("acme acme acme", "Acme", exclude=["acme acme"])


def anywhere(text: str) -> dict[str, str]:
    return {"text": text, "match": "anywhere"}


def test_a_post_with_an_excluded_word_is_not_ours_whatever_else_it_says() -> None:
    assert not found("Acmeで働こう 求人情報", "Acme", exclude_posts=["求人"])
    assert reason(post("@acme_jp 求人"), handles=["acme_jp"], exclude_posts=["求人"]) is None


def test_context_is_needed_only_where_it_is_required() -> None:
    context = {"context": ["充電器", "delivery"]}
    assert found("acme", "Acme", **context)
    assert not found("acme", "Acme", require_context=True, **context)
    assert found("acmeの充電器", "Acme", require_context=True, **context)
    assert found("acme Delivery was late", "Acme", require_context=True, **context)


def test_who_names_our_account_needs_no_context() -> None:
    fields: dict[str, Any] = {"context": ["充電器"], "require_context": True, "handles": ["acme_jp"]}
    assert reason(post("@acme_jp help"), **fields) == "handle"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@acme_jp 動かない", "handle"),
        ("＠Acme_JP 動かない", "handle"),
        ("困った。@acme_jp", "handle"),
        ("@acme_jp2 動かない", None),
        ("mail me: foo@acme_jp.example", None),
        ("acme_jp", None),
    ],
)
def test_mentions_of_a_handle(text: str, expected: str | None) -> None:
    assert reason(post(text), keywords=("まったく別",), handles=["acme_jp"]) == expected


USERS = [{"id": "7", "username": "Acme_JP"}, {"id": "8", "username": "somebody"}]
OTHER_WORDS = ("まったく別",)


def test_a_reply_to_a_handle_is_found_without_naming_it() -> None:
    included = post("まだ？", in_reply_to_user_id="7", includes={"users": USERS})
    flattened = post("まだ？", in_reply_to_user={"username": "acme_jp"}, in_reply_to_user_id=7)
    over_the_post = post(
        "まだ？",
        referenced_tweets=[{"type": "replied_to", "id": "5"}],
        includes={"tweets": [{"id": "5", "text": "x", "author_id": "7"}], "users": USERS},
    )
    for message in (included, flattened, over_the_post):
        assert reason(message, keywords=OTHER_WORDS, handles=["acme_jp"]) == "reply"
    elsewhere = post("まだ？", in_reply_to_user_id="8", includes={"users": USERS})
    assert reason(elsewhere, keywords=OTHER_WORDS, handles=["acme_jp"]) is None


def test_a_quote_of_our_own_account_is_ours_whatever_it_says() -> None:
    includes = {"tweets": [{"id": "5", "text": "x", "author_id": "7"}], "users": USERS}
    quote = post("これはひどい", referenced_tweets=[{"type": "quoted", "id": "5"}], includes=includes)
    assert reason(quote, keywords=OTHER_WORDS, own=["acme_jp"]) == "quote"
    assert reason(quote, keywords=OTHER_WORDS, own=["other"]) is None
    assert reason(quote, keywords=OTHER_WORDS, handles=["acme_jp"]) is None
    new_spelling = post("これはひどい", referenced_posts=[{"type": "quoted", "id": "5"}], includes=includes)
    assert reason(new_spelling, keywords=OTHER_WORDS, own=["acme_jp"]) == "quote"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://twitter.com/acme_jp/status/5", "quote"),
        ("https://x.com/Acme_JP/status/5?s=20", "quote"),
        ("https://x.com/acme_jp/status/6", None),
        ("https://x.com/i/web/status/5", None),
        (None, None),
    ],
)
def test_a_quote_without_its_post_is_known_by_the_address(address: str | None, expected: str | None) -> None:
    quote = post(
        "ひどい",
        referenced_tweets=[{"type": "quoted", "id": "5"}],
        entities={"urls": [{"expanded_url": address}]},
    )
    assert reason(quote, keywords=OTHER_WORDS, own=["acme_jp"]) == expected


def test_a_retweet_is_matched_by_its_original() -> None:
    reference = {"referenced_tweets": [{"type": "retweeted", "id": "5"}]}
    original = {"id": "5", "text": "cut…", "note_tweet": {"text": "a long story about acme"}, "author_id": "8"}
    included = post("RT @x: cut…", **reference, includes={"tweets": [original], "users": USERS})
    assert included.text == "a long story about acme"
    assert reason(included) == "keyword"
    assert reason(post("RT @x: acme…", **reference)) == "keyword"
    # Whom a retweet repeats, it does not speak to.
    assert reason(post("RT @acme_jp: hello", **reference), keywords=OTHER_WORDS, handles=["acme_jp"]) is None
    flattened = post("RT @x: cut…", referenced_tweets=[{"type": "retweeted", **original}])
    assert reason(flattened) == "keyword"


def test_a_long_post_is_matched_by_its_full_text() -> None:
    assert reason(post("cut…", note_tweet={"text": "very long, then acme"})) == "keyword"
    assert reason(post("cut…", note_post={"text": "very long, then acme"})) == "keyword"
    assert reason(post("acme…", note_tweet={"text": "other words"})) is None
    assert reason(post("acme", note_tweet="broken")) == "keyword"


@pytest.mark.parametrize(
    ("lang", "passes"),
    [
        ("ja", True),
        ("JA", True),
        ("en", False),
        ("und", True),
        ("qst", True),
        ("zxx", True),
        ("qht", True),
        (None, True),
        ("ja-JP", True),
        ("", True),
        (5, True),
    ],
)
def test_languages(lang: Any, passes: bool) -> None:
    message = post("acme", lang=lang) if lang is not None else post("acme")
    assert (reason(message, languages=["ja"]) is not None) is passes
    assert reason(message) is not None


def test_a_post_may_be_about_two_brands() -> None:
    other = Brand(name="Other", id="other", keywords=(Keyword(text="other"), Keyword(text="Acme")))
    matches = Matcher([brand(), other]).match(post("acme or other"))
    assert [(match.brand.id, match.keywords) for match in matches] == [("acme", ["Acme"]), ("other", ["other", "Acme"])]


def test_no_brand_matches_nothing() -> None:
    assert Matcher([]).match(post("@acme acme")) == []


def test_the_usual_signs_are_normalised_as_by_the_standard() -> None:
    assert normalise("えっ！？…（）～：\u3000だ") == "えっ!?...()~: だ"
    assert normalise("ＡｃＭＥ ﾃﾞﾝｷ") == "acme デンキ"
    assert normalise(" Two  Words\t") == "two words"


def test_ten_thousand_keywords_find_the_same() -> None:
    many = [
        brand(tuple(f"名前{number}号" for number in range(place, place + 100)), id=f"b{place}")
        for place in range(0, 10_000, 100)
    ]
    matches = Matcher([*many, brand()]).match(post("acmeと名前4242号"))
    assert [match.brand.id for match in matches] == ["b4200", "acme"]
    assert "名前4242号" in matches[0].keywords
