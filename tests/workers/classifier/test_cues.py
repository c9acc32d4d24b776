"""Phrases are found where a person would point, and nowhere else."""

import pytest

from workers.classifier.cues import CATEGORIES, Scanner
from workers.classifier.text import folded, plain


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner()


def _names(scanner: Scanner, text: str) -> set[str]:
    present = scanner.scan(folded(plain([text]))).present[0]
    return {category.name for category, there in zip(CATEGORIES, present, strict=True) if there}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("My charger caught fire!", "fire"),
        ("Still no reply", "unanswered"),
        ("ALLERGIC reaction", "allergy"),
        ("充電中に発火した", "fire"),
        ("返信がない", "unanswered"),
        ("フォロー＆RTで当たる", "giveaway"),
        ("ﾔｹﾄﾞした", "injury"),
    ],
)
def test_a_phrase_is_found(scanner: Scanner, text: str, wanted: str) -> None:
    assert wanted in _names(scanner, text)


@pytest.mark.parametrize(("text", "unwanted"), [("chocolate", "late"), ("pirate", "foreign_body"), ("", "fire")])
def test_a_latin_phrase_stands_between_word_borders(scanner: Scanner, text: str, unwanted: str) -> None:
    assert unwanted not in _names(scanner, text)


def test_hits_point_at_their_words_in_each_post(scanner: Scanner) -> None:
    texts = ["late again", "", "届かない", "it broke"]
    for text, hits in zip(texts, scanner.scan(texts).by_post(), strict=True):
        assert all(0 <= hit.start < hit.stop <= len(text) for hit in hits)
        assert bool(hits) == bool(text)
