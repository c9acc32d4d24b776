"""The models of the three stages: n-grams and cues for every post, then the encoder's view, sketched or whole."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.mark import KINDS
from workers.classifier.cues import Cues
from workers.classifier.features import Grams

Floats = NDArray[np.float32]

# One column for each kind, then: negative at all; of complaints: at least medium, at least high, critical.
NEGATIVE: Final = len(KINDS)
SEVERITY: Final = slice(len(KINDS) + 1, len(KINDS) + 4)
OUTPUTS: Final = len(KINDS) + 4


# How fast nearness falls with distance, and the say of the stage before where a stage speaks (ours; see MODEL.md).
SKETCH_WIDTH: Final = 1.0
CAREFUL_WIDTH: Final = 1.5
SHARE_BEFORE_SKETCH: Final = 0.25
SHARE_BEFORE_CAREFUL: Final = 0.3

# Posts whose n-grams' weights are gathered at once: few enough to stay in the processor's cache (measured).
BLOCK: Final = 128


class Scores(NamedTuple):
    """Probabilities of a batch, a row a post: over the six kinds (sum 1), of negative, of three severity steps."""

    kinds: Floats
    negative: Floats
    severity: Floats


def scores(logits: Floats) -> Scores:
    """Probabilities from the outputs of a model."""
    kinds = logits[:, : len(KINDS)]
    kinds = np.exp(kinds - kinds.max(axis=1, keepdims=True))
    kinds /= kinds.sum(axis=1, keepdims=True)
    return Scores(kinds, sigmoid(logits[:, NEGATIVE]), sigmoid(logits[:, SEVERITY]))


def sigmoid(x: Floats) -> Floats:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=np.float32)


class GramModel:
    """Stage 1: a weight for each bucket of n-grams and each cue. Weights are stored as whole numbers, with a scale."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._table = arrays["gram_table"].astype(np.float32) * arrays["gram_scale"]
        self._cues = arrays["gram_cues"].astype(np.float32)
        self._bias = arrays["gram_bias"].astype(np.float32)

    def logits(self, grams: Grams, cues: Cues) -> Floats:
        """A row of outputs for each post of the batch."""
        sums = np.zeros((len(grams.counts), self._table.shape[1]), dtype=np.float32)
        for family in grams.families:
            for first in range(0, len(sums), BLOCK):
                _add(sums[first : first + BLOCK], self._table, family.buckets, family.starts[first : first + BLOCK + 1])
        sums /= np.sqrt(grams.counts.astype(np.float32))[:, None]
        return np.asarray(sums + cues.present.astype(np.float32) @ self._cues + self._bias, dtype=np.float32)


def _add(sums: Floats, table: Floats, buckets: NDArray[np.int64], starts: NDArray[np.int64]) -> None:
    """Adds to each post the weights of its n-grams of one family."""
    first, last = starts[0], starts[-1]
    if first == last:
        return
    some = np.flatnonzero(starts[1:] > starts[:-1])  # reduceat takes an empty range for the next element
    rows = table[buckets[first:last]]
    sums[some] += np.add.reduceat(rows, starts[:-1][some] - first, axis=0)


class VectorModel:
    """Stages 2 and 3: nearness of what is seen of a post to landmarks (training texts), cues, the view of before."""

    def __init__(self, arrays: dict[str, NDArray[Any]], name: str, width: float, share_before: float) -> None:
        self._width = width
        self._before = share_before
        self._landmarks = landmarks(arrays[f"{name}_landmarks"])
        self._weights = arrays[f"{name}_weights"].astype(np.float32)
        self._cues = arrays[f"{name}_cues"].astype(np.float32)
        self._bias = arrays[f"{name}_bias"].astype(np.float32)

    def logits(self, vectors: Floats, present: NDArray[np.bool_], before: Floats) -> Floats:
        """A row of outputs for each post given."""
        found = nearness(vectors, self._landmarks, self._width) @ self._weights
        found += present.astype(np.float32) @ self._cues + self._bias
        return np.asarray(found + self._before * (before - found), dtype=np.float32)


def sketch_model(arrays: dict[str, NDArray[Any]], script: str) -> VectorModel:
    """Stage 2 for texts of this script; it sees what `narrowed` leaves of a sketch."""
    return VectorModel(arrays, f"sketch_{script}", SKETCH_WIDTH, SHARE_BEFORE_SKETCH)


def careful_model(arrays: dict[str, NDArray[Any]]) -> VectorModel:
    """Stage 3; it sees what `joined` makes of the encoder's views."""
    return VectorModel(arrays, "careful", CAREFUL_WIDTH, SHARE_BEFORE_CAREFUL)


def landmarks(stored: NDArray[np.int8 | np.int16]) -> Floats:
    """Landmarks are stored as whole numbers; rows of unit length again."""
    rows = stored.astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def narrowed(vectors: Floats, directions: Floats) -> Floats:
    """What is left of rows along these directions (columns) alone, of length 1 again."""
    left: Floats = vectors @ directions
    left /= np.maximum(np.linalg.norm(left, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return left


def nearness(vectors: Floats, marks: Floats, width: float) -> Floats:
    """A Gaussian of the distance between unit vectors: 1 for the same, near 0 for strangers."""
    found: Floats = vectors @ marks.T
    found -= 1.0
    found *= 2.0 * width
    return np.exp(found, out=found)


def load(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a weights file; nothing in it is ever executed."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
