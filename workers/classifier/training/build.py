"""Builds both models from a corpus: the careful one from labels, the fast one from labels and from the careful one."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # ships no types

from workers.classifier import features, linear, text
from workers.classifier.cues import CATEGORIES, Scanner
from workers.classifier.encoder import Encoder
from workers.classifier.training.corpus import Corpus
from workers.classifier.training.fit import Array, fit

# Penalties, chosen on our own posts with whole industries left out (see MODEL.md).
VECTOR_PENALTY: Final = 3.0
CUE_PENALTY: Final = 3.0
GRAM_PENALTY: Final = 0.3
BIAS_PENALTY: Final = 1e-3
# How much the fast model listens to the careful one on rows that have labels of their own.
TEACHER_SHARE: Final = 0.5
UNLABELLED_WEIGHT: Final = 0.3


class Views(NamedTuple):
    """What the models see of texts: cues, the encoder's vectors, hashed n-grams."""

    cues: NDArray[np.float32]
    vectors: NDArray[np.float32]
    grams: Any


def views(texts: Sequence[str], encoder: Encoder, cache: Path | None) -> Views:
    """All views of the texts; `cache` keeps the vectors of an earlier run with the same texts."""
    plain = text.plain(texts)
    folded = text.folded(plain)
    cues = Scanner().scan(folded).present.astype(np.float32)
    found = features.grams(folded)
    values = np.repeat(1.0 / np.sqrt(np.diff(found.starts)), np.diff(found.starts)).astype(np.float32)
    shape = (len(texts), 1 << features.BUCKETS_BITS)
    grams = sparse.csr_matrix((values, found.buckets.astype(np.int32), found.starts), shape=shape)
    grams.sum_duplicates()
    return Views(cues, _vectors(plain, encoder, cache), grams)


def _vectors(plain: Sequence[str], encoder: Encoder, cache: Path | None) -> NDArray[np.float32]:
    if cache is None:
        return encoder.vectors(plain)
    path = cache / f"{hashlib.sha256(chr(0).join(plain).encode()).hexdigest()}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, encoder.vectors(plain).astype(np.float16))
    return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)


def careful(seen: Views, targets: Array, weights: Array) -> Array:
    """Weights of stage 2: vector, cues, bias."""
    columns = np.hstack([seen.vectors, seen.cues, np.ones((len(seen.cues), 1), np.float32)]).astype(np.float64)
    penalty = np.r_[
        np.full(seen.vectors.shape[1], VECTOR_PENALTY), np.full(len(CATEGORIES), CUE_PENALTY), [BIAS_PENALTY]
    ]
    return fit(columns, targets, weights, penalty)


def careful_logits(seen: Views, matrix: Array) -> Array:
    """Outputs of stage 2."""
    width = seen.vectors.shape[1]
    return np.asarray(seen.vectors @ matrix[:width] + seen.cues @ matrix[width:-1] + matrix[-1])


def fast(seen: Views, targets: Array, weights: Array) -> Array:
    """Weights of stage 1: n-grams, cues, bias."""
    columns = _fast_columns(seen)
    buckets = seen.grams.shape[1]
    penalty = np.r_[np.full(buckets, GRAM_PENALTY), np.full(len(CATEGORIES), CUE_PENALTY), [BIAS_PENALTY]]
    return fit(columns, targets, weights, penalty, steps=120)


def fast_logits(seen: Views, matrix: Array) -> Array:
    """Outputs of stage 1."""
    return np.asarray(_fast_columns(seen) @ matrix)


def _fast_columns(seen: Views) -> Any:
    ones = np.ones((len(seen.cues), 1), np.float32)
    return sparse.hstack([seen.grams, sparse.csr_matrix(seen.cues), sparse.csr_matrix(ones)], format="csr")


def soft(logits: Array) -> Array:
    """Outputs as probabilities: what the fast model is to learn from the careful one."""
    found = linear.scores(logits.astype(np.float32))
    return np.hstack([found.kinds, found.negative[:, None], found.severity]).astype(np.float64)


def taught(corpus: Corpus, teacher: Array) -> tuple[Array, Array]:
    """Targets and weights of the fast model: labels where there are, mixed with the teacher's view of every row."""
    targets, weights = corpus.targets.astype(np.float64), corpus.weights.astype(np.float64)
    weights[:, 1 : linear.NEGATIVE] = weights[:, :1]
    largest = weights.max(axis=1, keepdims=True)
    labelled = weights / np.maximum(largest, 1e-9) * (1.0 - TEACHER_SHARE)
    mixed = (labelled * targets + (1.0 - labelled) * teacher).astype(np.float64)
    severity = np.asarray(teacher[:, :1]) * largest  # steps count where there is a complaint at all
    everywhere = np.repeat(largest, linear.OUTPUTS, axis=1)
    everywhere[:, linear.SEVERITY] = severity
    return mixed, everywhere


def pack(fast_matrix: Array, careful_matrix: Array, version: str) -> dict[str, NDArray[Any]]:
    """The arrays of the weights file: the table of n-grams as one byte a weight, the rest as they are."""
    buckets = 1 << features.BUCKETS_BITS
    table = fast_matrix[:buckets]
    scale = np.maximum(np.abs(table).max(axis=0) / 127.0, 1e-9)
    width = len(careful_matrix) - len(CATEGORIES) - 1
    return {
        "version": np.array(version),
        "gram_table": np.rint(table / scale).astype(np.int8),
        "gram_scale": scale.astype(np.float32),
        "gram_cues": fast_matrix[buckets:-1].astype(np.float32),
        "gram_bias": fast_matrix[-1].astype(np.float32),
        "vector_weights": careful_matrix[:width].astype(np.float32),
        "vector_cues": careful_matrix[width:-1].astype(np.float32),
        "vector_stage1": np.zeros((linear.OUTPUTS, linear.OUTPUTS), np.float32),
        "vector_bias": careful_matrix[-1].astype(np.float32),
    }
