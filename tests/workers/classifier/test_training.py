"""Training is convex and repeatable, and what it writes is what the program reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from schemas.mark import KINDS
from workers.classifier import cues, features, linear, text
from workers.classifier.cues import CATEGORIES
from workers.classifier.training import build
from workers.classifier.training.corpus import Corpus, add_licensed, add_own
from workers.classifier.training.fit import fit, loss_and_slope

POSTS = [
    {"id": "en-plain-0001", "industry": "retail", "text": "@b it broke", "kind": "complaint", "severity": "high"},
    {"id": "en-retail-0002", "industry": "retail", "text": "love it", "kind": "praise", "severity": "none"},
    {"id": "ja-plain-0003", "industry": "food", "text": "カビが生えてた", "kind": "complaint", "severity": "medium"},
    {"id": "ja-food-0004", "industry": "food", "text": "何時までですか", "kind": "question", "severity": "none"},
]


class FakeEncoder:
    """Vectors that depend on the text alone."""

    def vectors(self, plain: list[str]) -> np.ndarray:
        rows = [np.random.default_rng(sum(map(ord, t))).normal(size=512) for t in plain]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)


def _corpus() -> Corpus:
    corpus = Corpus()
    add_own(corpus, POSTS, 10.0, 0.5)
    return corpus


def test_the_slope_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(5, linear.OUTPUTS))
    targets = rng.random((5, linear.OUTPUTS))
    targets[:, : len(KINDS)] /= targets[:, : len(KINDS)].sum(axis=1, keepdims=True)
    weights = rng.random((5, linear.OUTPUTS))
    _, slope = loss_and_slope(logits, targets, weights)
    for place in [(0, 0), (1, 3), (2, linear.NEGATIVE), (4, linear.OUTPUTS - 1)]:
        step = np.zeros_like(logits)
        step[place] = 1e-5
        up, _ = loss_and_slope(logits + step, targets, weights)
        down, _ = loss_and_slope(logits - step, targets, weights)
        assert slope[place] == pytest.approx((up - down) / 2e-5, abs=1e-6)


def test_fit_finds_the_one_minimum() -> None:
    corpus = _corpus()
    columns = np.random.default_rng(2).normal(size=(4, 6))
    found = fit(columns, corpus.targets, corpus.weights, 0.5)
    again = fit(columns, corpus.targets, corpus.weights, 0.5)
    assert np.array_equal(found, again)
    _, slope = loss_and_slope(columns @ found, corpus.targets, corpus.weights)
    assert np.abs(columns.T @ slope + 0.5 * found).max() < 1e-3


def test_severity_and_negative_follow_the_label() -> None:
    corpus = _corpus()
    assert corpus.targets[0, linear.SEVERITY].tolist() == [1.0, 1.0, 0.0]
    assert corpus.targets[2, linear.SEVERITY].tolist() == [1.0, 0.0, 0.0]
    assert corpus.targets[:, linear.NEGATIVE].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert corpus.weights[1, linear.SEVERITY].tolist() == [0.0, 0.0, 0.0]
    assert corpus.weights[0, 0] > corpus.weights[2, 0] > corpus.weights[1, 0]


def test_licensed_rows_get_the_targets_their_source_can_give(tmp_path: Path) -> None:
    sets = {
        "vader_amazon": [{"text": "it broke", "score": -2.1}, {"text": "great", "score": 2.5}],
        "banking77": [{"text": "charged twice?", "intent": "transaction_charged_twice"}],
        "goemotions_train": [{"text": "ugh", "labels": ["annoyance"]}, {"text": "oh", "labels": ["surprise"]}],
    }
    for name, rows in sets.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    corpus = Corpus()
    add_licensed(corpus, tmp_path, dict.fromkeys(sets, (1.0, 1)))
    kinds = corpus.targets[:, : len(KINDS)]
    assert [KINDS[i] for i in kinds.argmax(axis=1)[:4]] == ["complaint", "praise", "complaint", "complaint"]
    assert corpus.weights[4, 0] == 0.0
    assert corpus.targets[0, linear.NEGATIVE] > 0.9 > 0.1 > corpus.targets[1, linear.NEGATIVE]


def test_what_is_packed_is_what_the_program_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "LANDMARKS", 4)
    corpus = _corpus()
    seen = build.views(corpus.texts, FakeEncoder(), None)  # type: ignore[arg-type]
    careful = build.careful(seen, corpus.targets, corpus.weights, build.candidates(corpus))
    targets, weights = build.taught(corpus, build.soft(build.careful_logits(seen, careful)))
    fast = build.fast(seen, targets, weights)
    arrays = build.pack(fast, careful, "test")
    folded = text.folded(text.plain(corpus.texts))
    found = cues.Scanner().scan(folded)
    one = linear.GramModel(arrays).logits(features.grams(folded), found)
    assert np.abs(one - build.fast_logits(seen, fast)).max() < 0.05  # one byte a weight
    two = linear.VectorModel(arrays).logits(seen.vectors, found.present, np.zeros_like(one))
    assert np.abs(two - build.careful_logits(seen, careful)).max() < 1e-3
    assert arrays["gram_cues"].shape == (len(CATEGORIES), linear.OUTPUTS)
