"""Whatever a post holds, both forms come out clean, aligned and bounded."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.classifier.text import folded, plain

HARD = {
    "empty": ("", ""),
    "emoji": ("😀" * 10_000, "😀😀😀"),
    "zalgo": ("z͑ͫ̓a̴l̵g̸o̷", "zalgo"),
    "right to left": ("مرحبا \u202eabc", "مرحبا abc"),
    "entities, twice": ("&amp;lt;3", "&lt;3"),
    "entity of NUL": ("a&#0;b", "a\ufffdb"),
    "lone surrogate": ("a\ud800b", "a\ufffdb"),
    "NUL": ("a\x00b", "a b"),
    "widths": ("ＡＢＣ　ｶﾞｶﾞ①", "ABC ガガ1"),
    "sound mark apart": ("か\u3099", "が"),
    "mathematical letters": ("𝗔𝗰𝗺𝗲", "Acme"),
    "handle and link": ("@Acme_jp見て https://t.co/abcです", "@user見て httpです"),
    "mail address": ("me@example.org", "me@example.org"),
    "runs": ("nooooo!!!!!!", "nooo!!!"),
    "spaces": ("a \n\t　b  ", "a b"),
    "zero width": ("ac\u200bme\ufeff", "acme"),
}


@pytest.mark.parametrize("name", HARD)
def test_a_hard_text_becomes_what_a_person_reads(name: str) -> None:
    raw, wanted = HARD[name]
    assert plain([raw]) == [wanted]


def test_a_batch_gives_what_each_text_gives_alone() -> None:
    texts = [raw for raw, _ in HARD.values()]
    assert plain(texts) == [plain([text])[0] for text in texts]


@given(st.lists(st.text(st.characters() | st.sampled_from("\ud800\udfff\x00@&;゛" + string.ascii_letters)), max_size=5))
def test_any_batch_keeps_its_count_and_its_places(texts: list[str]) -> None:
    clean = plain(texts)
    lower = folded(clean)
    assert len(clean) == len(texts)
    assert [len(text) for text in lower] == [len(text) for text in clean]
    assert not any("\x00" in text for text in clean)
    for text in clean:
        text.encode("utf-8")
