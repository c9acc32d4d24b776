"""N-grams are those of the post alone, wherever in a batch it stands."""

import numpy as np

from workers.classifier import features
from workers.classifier.features import Grams, grams

TEXTS = ["the app is not working", "", "充電できない", "a", "the app", "😀😀"]


def _of(found: Grams, i: int) -> list[list[int]]:
    return [sorted(f.buckets[f.starts[i] : f.starts[i + 1]].tolist()) for f in found.families]


def test_a_post_has_the_same_grams_alone_and_in_a_batch() -> None:
    together = grams(TEXTS)
    for i, text in enumerate(TEXTS):
        assert _of(together, i) == _of(grams([text]), 0)


def test_counts_are_the_families_sizes() -> None:
    found = grams(TEXTS)
    sizes = np.sum([np.diff(family.starts) for family in found.families], axis=0)
    assert found.counts.tolist() == np.maximum(sizes, 1).tolist()


def test_a_batch_beyond_one_table_of_powers_is_cut_and_joined(monkeypatch) -> None:
    whole = grams(TEXTS * 3)
    monkeypatch.setattr(features, "MAX_CHARACTERS", 40)
    cut = grams(TEXTS * 3)
    assert all(_of(cut, i) == _of(whole, i) for i in range(len(TEXTS) * 3))


def test_word_rows_stay_inside_a_post() -> None:
    assert _of(grams(["not", "working"]), 0) == _of(grams(["not"]), 0)
