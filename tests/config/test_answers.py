"""The answer book as it is written: what is refused, and that its examples hold."""

from pathlib import Path

import pytest

from config.answers import answers_of, weight
from config.brands import Brand
from config.documents import read_document

BRANDS = (Brand(name="Acme", keywords=("acme",)),)
ONE = "answers:\n  - situation: 熱い\n    when: {%s}\n    answer: {%s}\n"


def faults(text: str, folder: Path) -> list[str]:
    path = folder / "answers.yaml"
    path.write_text(text, "utf-8")
    document = read_document(path, example="")
    answers_of(document, BRANDS)
    return [str(fault).partition("answers.yaml:")[2] for fault in document.faults]


def test_what_holds(tmp_path: Path) -> None:
    assert faults(ONE % ("kind: complaint, brand: acme, keywords: [熱い]", "ja: ご連絡ください"), tmp_path) == []


@pytest.mark.parametrize(
    ("when", "answer", "fault"),
    [
        ("", "ja: あ", "3: answers[0].when: asks for nothing: it would fit every post"),
        ("brand: acne", "ja: あ", "3: answers[0].when.brand: there is no brand 'acne'; did you mean `acme`?"),
        ("kind: complain", "ja: あ", "3: answers[0].when.kind: 'complain' is not known here"),
        ("kind: praise", "", "4: answers[0].answer: has no text"),
        ("kind: praise", "fr: merci", "4: answers[0].answer.fr: unknown key"),
        ("kind: praise", f"ja: {'あ' * 141}", "4: answers[0].answer: the text in ja weighs 282, a post on X 280"),
        ("kind: praise", f"en: {'a' * 281}", "4: answers[0].answer: the text in en weighs 281, a post on X 280"),
        ("author: x", "ja: あ", "3: answers[0].when.author: unknown key"),
    ],
)
def test_what_is_refused(when: str, answer: str, fault: str, tmp_path: Path) -> None:
    (told,) = faults(ONE % (when, answer), tmp_path)
    assert told.startswith(fault)


@pytest.mark.parametrize("text", ["answers: []\n", "a: b\n", "- 1\n"])
def test_a_file_without_answers(text: str, tmp_path: Path) -> None:
    (told,) = faults(text, tmp_path)
    assert "must hold `answers:`" in told


def test_weight_is_that_of_x() -> None:
    assert [weight(text) for text in ("abc", "あ", "é", "🔥", "a…")] == [3, 2, 1, 2, 3]
