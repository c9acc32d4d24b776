"""Promotion by its form: certain signs in both languages, and what only looks like one."""

import pytest

from workers.classifier.promotion import signs


@pytest.mark.parametrize(
    "text",
    [
        "アクメをフォロー＆この投稿をリポストで10名様に充電器プレゼント！",
        "10名様に当たる！ @acmeをフォローしてrtするだけ",
        "リポストで当たるアクメのギフト券",
        "follow @acme & repost to win a charger",
        "giveaway! follow us and rt this post",
        "retweet to win one of ten gift cards",
        "acmeの充電器を使ってみました #pr",
        "new charger day #ad",
        "レビューしました #広告",
    ],
)
def test_certain_signs(text: str) -> None:
    assert any(sign.certain for sign in signs(text, [])), text


@pytest.mark.parametrize(
    "text",
    [
        "アクメの充電器が壊れた",
        "my rt broke when i started the car, no prize for guessing",
        "フォローしてた人の投稿で知った",
        "#prada の鞄とアクメ",
        "#advent calendar from acme",
        "start to win at chess",
    ],
)
def test_what_only_looks_like_one(text: str) -> None:
    assert signs(text, ["https://example.com/a?tag=news"]) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://amzn.to/3xYz",
        "https://www.amazon.co.jp/dp/B00?tag=somebody-22",
        "https://hb.afl.rakuten.co.jp/hgc/x",
        "https://shop.example/x?aff_id=9",
    ],
)
def test_an_affiliate_link_is_a_sign_but_not_alone_enough(url: str) -> None:
    [sign] = signs("アクメの充電器", [url])
    assert not sign.certain
    assert "リンク" in sign.japanese
