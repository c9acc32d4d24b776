"""The language is the source's word, or a careful guess."""

import pytest

from workers.classifier.lang import language


@pytest.mark.parametrize(
    ("text", "said", "wanted"),
    [
        ("whatever", "ja", "ja"),
        ("whatever", "pt-BR", "pt"),
        ("壊れた", None, "ja"),
        ("最悪", "und", "ja"),
        ("质量问题", None, "und"),
        ("the app is not working for me", "", "en"),
        ("battery died", None, "en"),
        ("c'est vraiment nul votre service après-vente", None, "und"),
        ("مرحبا", None, "und"),
        ("@user http", "qme", "und"),
        ("", None, "und"),
        ("안녕하세요", None, "und"),
    ],
)
def test_a_row_of_the_table(text: str, said: str | None, wanted: str) -> None:
    assert language(text, said) == wanted
