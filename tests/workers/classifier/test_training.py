"""Training is convex and repeatable, and what it writes is what the program reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from schemas.mark import KINDS
from workers.classifier import cues, features, linear, text
from workers.classifier.cues import CATEGORIES
from workers.classifier.encoder import POOLED, SCRIPTS, Sketcher, joined
from workers.classifier.train import sketches_of
from workers.classifier.training import build, calibration
from workers.classifier.training.corpus import Corpus, add_licensed, add_own
from workers.classifier.training.fit import fit, loss_and_slope

POSTS = [
    {"id": "en-plain-0001", "industry": "retail", "text": "@b it broke", "kind": "complaint", "severity": "high"},
    {"id": "en-retail-0002", "industry": "retail", "text": "love it", "kind": "praise", "severity": "none"},
    {"id": "ja-plain-0003", "industry": "food", "text": "カビが生えてた", "kind": "complaint", "severity": "medium"},
    {"id": "ja-food-0004", "industry": "food", "text": "何時までですか", "kind": "question", "severity": "none"},
]


class FakeEncoder:
    """Views that depend on the text alone."""

    def means(self, plain: list[str]) -> np.ndarray:
        return np.array([np.random.default_rng(sum(map(ord, t))).normal(size=512) for t in plain], dtype=np.float32)

    def pooled(self, plain: list[str]) -> np.ndarray:
        rows = self.means(plain)
        return np.hstack([rows, rows, rows[:, : POOLED - 1024]])

    def head(self, means: np.ndarray) -> np.ndarray:
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)


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


def test_what_is_packed_is_what_the_program_computes() -> None:
    corpus = _corpus()
    encoder = FakeEncoder()
    seen = build.views(corpus.texts, encoder, None)  # type: ignore[arg-type]
    candidates = build.candidates(corpus)
    middle = build.centre(seen.means)
    view = build.Seen(joined(seen.vectors, seen.means, middle), seen.cues)
    careful = build.kernel(view, corpus.targets, corpus.weights, candidates, 4)
    taught = build.taught(corpus, build.soft(build.kernel_logits(view, careful)))
    sketches = sketches_of(corpus, seen, middle, encoder, taught, 3)  # type: ignore[arg-type]
    fast = build.fast(seen, *taught)
    arrays = build.pack(fast, middle, sketches, careful, np.arange(3, dtype=np.int32), "test")
    folded = text.folded(text.plain(corpus.texts))
    found = cues.Scanner().scan(folded)
    one = linear.GramModel(arrays).logits(features.grams(folded), found)
    assert np.abs(one - build.fast_logits(seen, fast)).max() < 1e-3  # two bytes a weight
    said = linear.careful_model(arrays).logits(view.vectors, found.present, one)
    share = linear.SHARE_BEFORE_CAREFUL
    assert np.abs(said - (share * one + (1 - share) * build.kernel_logits(view, careful))).max() < 1e-3
    means = Sketcher(encoder, arrays).means(text.plain(corpus.texts))  # type: ignore[arg-type]
    assert np.abs(means - seen.means).max() < 0.05  # as many numbers as texts: the guess is exact
    drawn = joined(encoder.head(means), means, middle)
    for script, (name, sketch) in enumerate(zip(SCRIPTS, sketches, strict=True)):
        rows = seen.scripts == script
        narrow = linear.narrowed(drawn[rows], arrays[f"sketch_{name}_directions"])
        said = linear.sketch_model(arrays, name).logits(narrow, found.present[rows], one[rows])
        alone = build.kernel_logits(build.Seen(narrow, seen.cues[rows]), sketch.kernel, build.SKETCHED)
        share = linear.SHARE_BEFORE_SKETCH
        assert rows.any()
        assert np.abs(said - (share * one[rows] + (1 - share) * alone)).max() < 1e-3
    assert arrays["gram_cues"].shape == (len(CATEGORIES), linear.OUTPUTS)


def test_directions_are_those_that_the_rows_have() -> None:
    rng = np.random.default_rng(4)
    rows = (rng.normal(size=(40, 3)) @ rng.normal(size=(3, 600))).astype(np.float32)
    found = build.directions(rows)
    assert found.shape == (600, 3)  # three, not 256 of which the rest are noise
    assert np.abs(rows @ found @ found.T - rows).max() < 1e-3
    assert build.directions(rng.normal(size=(700, 600)).astype(np.float32)).shape == (600, build.DIRECTIONS)


def test_calibration_brings_the_share_of_complaints_to_what_is_known() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"id": f"en-{'plain' if i % 2 else 'retail'}-{i:04d}", "kind": "complaint" if i % 3 == 0 else "neutral"}
        for i in range(600)
    ]
    complains = np.array([row["kind"] == "complaint" for row in rows])
    logits = np.zeros((600, linear.OUTPUTS))
    logits[:, 0] = 3.0 * (rng.normal(size=600) + complains)  # three times too sure
    logits[:, linear.NEGATIVE] = logits[:, 0]
    logits[:, [1, 2, 3, 5]] = -9.0
    found = np.zeros((600, len(CATEGORIES)), dtype=np.float32)
    found[:, cues.INDEX["addressed"]] = 1.0
    by = calibration.measured(logits, rows, found)
    assert by.kinds < 0.7
    assert by.negative < 0.7
    scores = linear.scores(calibration.calibrated(logits, found, by).astype(np.float32)).kinds[:, 0]
    share = calibration.ADDRESSED_COMPLAINTS
    expected = share * scores[complains].mean() + (1 - share) * scores[~complains].mean()
    assert expected == pytest.approx(share, abs=0.02)


def test_a_calibration_is_built_into_the_model() -> None:
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(6, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = (rng.random((6, len(CATEGORIES))) < 0.3).astype(np.float32)
    stored = np.rint(vectors[:3] * 127).astype(np.int8)
    model = build.Kernel(
        stored,
        rng.normal(size=(3, linear.OUTPUTS)),
        rng.normal(size=(len(CATEGORIES), linear.OUTPUTS)),
        rng.normal(size=linear.OUTPUTS),
    )
    by = calibration.Calibration(0.8, 0.4, -0.3, 0.9)
    seen = build.Seen(vectors, found)
    outside = calibration.calibrated(build.kernel_logits(seen, model), found, by)
    inside = build.kernel_logits(seen, calibration.built_in(model, by))
    assert np.abs(outside - inside).max() < 1e-5
