"""What a lesson keeps of a text: alike for alike words, the same alone and in a batch, for whatever text there is."""

import numpy as np
import pytest

from workers.incidents.likeness import MOST_FEATURES, bare, jaccard, likenesses

EXACT = [6862860503273966149, 14982485910532544467]
SUMS = [529387, 114637]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme is the WORST!! https://t.co/a", "@acme_help acme is the worst"),
        ("アクメの充電器が壊れた😡", "ｱｸﾒの充電器が壊れた！！"),
        ("it&amp;#39;s broken", "it&#39;s broken"),
    ],
)
def test_the_same_words_are_the_same_whatever_stands_around_them(one: str, other: str) -> None:
    like = likenesses([one, other])
    if bare(one) == bare(other):
        assert like.exact[0] == like.exact[1] != 0
    assert jaccard(like.of(0), like.of(1)) >= 0.5


def test_strangers_are_not_alike_and_near_copies_are() -> None:
    like = likenesses([
        "スーパーカップの抽選、発表が3日も遅れてるし問い合わせても返事がない",
        "スーパーカップの抽選、発表が4日も遅れてるし問い合わせても返事がない！",
        "動物園のキリン、首の骨の数が人間と同じと聞いて震えた",
    ])  # fmt: skip
    assert jaccard(like.of(0), like.of(1)) > 0.8
    assert jaccard(like.of(0), like.of(2)) < 0.1
    assert like.exact[0] != like.exact[1]


def test_word_order_and_borders_count() -> None:
    like = likenesses(["dog bites man", "man bites dog", "now here", "nowhere"])
    assert len(set(like.exact)) == 4


@pytest.mark.parametrize("text", ["", " ", "😀😀", "https://t.co/x", "@a_b", "\0", "!?"])
def test_a_text_without_words_is_like_nothing(text: str) -> None:
    like = likenesses([text, "words"])
    assert like.exact[0] == 0
    assert len(like.of(0)) == 0


def test_hard_texts_have_a_bounded_number_of_features() -> None:
    texts = [
        "a\ud800b\x00c",
        "x" * 25_000,
        "届かない。" * 5_000,
        "z͑ͫ̓a̴l̵g̸o̷",
        "مرحبا بالعالم",
        " ".join(map(str, range(9_000))),
    ]
    like = likenesses(texts)
    assert len(like.exact) == len(texts)
    assert max(np.diff(like.starts)) <= MOST_FEATURES


def test_a_text_is_the_same_alone_and_in_a_batch() -> None:
    texts = ["", "充電器が燃えた", "my order never arrived and nobody answers", "x"]
    together = likenesses(texts)
    for i, text in enumerate(texts):
        alone = likenesses([text])
        assert alone.exact[0] == together.exact[i]
        assert alone.of(0).tolist() == together.of(i).tolist()


def test_the_numbers_are_those_of_yesterday() -> None:
    """They stand in users' stores: another VERSION is needed where they change."""
    like = likenesses(["アクメの充電器が壊れた", "Acme never answers"])
    assert like.exact == EXACT
    assert [int(like.of(i).sum()) for i in range(2)] == SUMS
