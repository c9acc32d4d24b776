"""The two linear models: n-grams and cues for every post, the encoder's vector and cues for the uncertain ones."""

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
    """Stage 1: a weight for each bucket of n-grams and each cue. Weights are stored as one byte each, with a scale."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._table = arrays["gram_table"].astype(np.float32) * arrays["gram_scale"]
        self._cues = arrays["gram_cues"].astype(np.float32)
        self._bias = arrays["gram_bias"].astype(np.float32)

    def logits(self, grams: Grams, cues: Cues) -> Floats:
        """A row of outputs for each post of the batch."""
        starts = grams.starts[:-1]
        sums = np.add.reduceat(self._table[grams.buckets], starts, axis=0)
        sums /= np.sqrt(np.diff(grams.starts).astype(np.float32))[:, None]
        return np.asarray(sums + cues.present.astype(np.float32) @ self._cues + self._bias, dtype=np.float32)


class VectorModel:
    """Stage 2: weights over the encoder's vector, the cues and what stage 1 says."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._vector = arrays["vector_weights"].astype(np.float32)
        self._cues = arrays["vector_cues"].astype(np.float32)
        self._stage1 = arrays["vector_stage1"].astype(np.float32)
        self._bias = arrays["vector_bias"].astype(np.float32)

    def logits(self, vectors: Floats, present: NDArray[np.bool_], stage1: Floats) -> Floats:
        """A row of outputs for each post given."""
        sums = vectors @ self._vector + present.astype(np.float32) @ self._cues + stage1 @ self._stage1
        return np.asarray(sums + self._bias, dtype=np.float32)


def load(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a weights file; nothing in it is ever executed."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
