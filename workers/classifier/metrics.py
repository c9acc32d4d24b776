"""Figures of merit of a classifier: area under the curve, F1, calibration error, kappa."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Probability that a positive scores above a negative, ties counting half."""
    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    del values
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[places]
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    return float((ranks[positive].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def f1(said: Sequence[str], true: Sequence[str], label: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of one label; 0 where undefined."""
    hit = sum(s == label == t for s, t in zip(said, true, strict=True))
    precision = hit / max(sum(s == label for s in said), 1)
    recall = hit / max(sum(t == label for t in true), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)


def macro_f1(said: Sequence[str], true: Sequence[str]) -> float:
    """Mean F1 over the labels that occur in truth."""
    labels = sorted(set(true))
    return sum(f1(said, true, label)[2] for label in labels) / max(len(labels), 1)


def calibration_error(probabilities: NDArray[np.float64], positive: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass."""
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, bins)
    gaps = [abs(float((probabilities[part] - positive[part]).sum())) for part in parts]
    return sum(gaps) / max(len(order), 1)


def kappa(first: Sequence[int], second: Sequence[int], classes: int, *, weighted: bool = False) -> float:
    """Cohen's kappa of two readings; weighted: a disagreement counts as the square of its distance."""
    table = np.zeros((classes, classes))
    np.add.at(table, (np.array(first), np.array(second)), 1.0)
    table /= max(table.sum(), 1.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    place = np.arange(classes)
    distance = (place[:, None] - place[None, :]) ** 2 if weighted else (place[:, None] != place[None, :])
    chance = float((distance * expected).sum())
    return 1.0 - float((distance * table).sum()) / chance if chance else 1.0
