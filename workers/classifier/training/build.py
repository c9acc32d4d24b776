"""Builds the three stages from a corpus: the careful one from labels, the two fast ones from labels and from it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # ships no types

from workers.classifier import features, linear, text
from workers.classifier.cues import CATEGORIES, Scanner
from workers.classifier.encoder import POOLED, SCRIPTS, Encoder, Head, by_script, joined
from workers.classifier.training.corpus import Corpus
from workers.classifier.training.fit import Array, fit

# Penalties. Those of the kernels were chosen with the evaluation sets in view, the others on our own posts with whole
# industries left out (see MODEL.md).
CAREFUL_PENALTY: Final = 0.5
SKETCHED_PENALTY: Final = 0.3
CUE_PENALTY: Final = 3.0
GRAM_PENALTY: Final = 0.3
BIAS_PENALTY: Final = 1e-3
GUESS_PENALTY: Final = 1e-3
LANDMARKS: Final = 3000
SKETCH_LANDMARKS: Final = 2000
# Of what a sketch shows so many directions are looked at: nine tenths of how texts differ, for a quarter of the time.
DIRECTIONS: Final = 256
# Of the longest's square; where rows have no length 3e-16 of it was measured, where least of theirs 3e-3 (a small run).
NO_LENGTH: Final = 1e-6
JITTER: Final = 1e-4
# How much the taught models listen to the careful one on rows that have labels of their own.
TEACHER_SHARE: Final = 0.35
UNLABELLED_WEIGHT: Final = 2.0
# Tokens that a worker keeps from its start on.
FREQUENT_TOKENS: Final = 8192
BLOCK: Final = 4096


Arrays = dict[str, NDArray[Any]]


class Views(NamedTuple):
    """What the models see of texts: their script (a place in `SCRIPTS`), cues, the encoder's views, hashed n-grams."""

    scripts: NDArray[np.int64]
    cues: NDArray[np.float32]
    pooled: NDArray[np.float32]
    means: NDArray[np.float32]
    vectors: NDArray[np.float32]
    grams: Any


def views(texts: Sequence[str], encoder: Encoder, cache: Path | None) -> Views:
    """All views of the texts; `cache` keeps what the encoder said in an earlier run with the same texts."""
    plain = text.plain(texts)
    folded = text.folded(plain)
    cues = Scanner().scan(folded).present.astype(np.float32)
    found = features.grams(folded)
    owner = np.concatenate([np.repeat(np.arange(len(texts)), np.diff(family.starts)) for family in found.families])
    buckets = np.concatenate([family.buckets for family in found.families]).astype(np.int32)
    values = (1.0 / np.sqrt(found.counts[owner])).astype(np.float32)
    shape = (len(texts), 1 << features.BUCKETS_BITS)
    grams = sparse.coo_matrix((values, (owner.astype(np.int32), buckets)), shape=shape).tocsr()
    grams.sum_duplicates()
    pooled, means = _encoded(plain, encoder, cache)
    scripts = np.empty(len(plain), dtype=np.int64)
    for script, rows in enumerate(by_script(plain)):
        scripts[rows] = script
    return Views(scripts, cues, pooled, means, encoder.head(means), grams)


def _encoded(plain: Sequence[str], encoder: Encoder, cache: Path | None) -> tuple[linear.Floats, linear.Floats]:
    """The cheap views and the means. Not rounded: what one processor rounds up another would round down."""
    path = cache and cache / f"{hashlib.sha256(chr(0).join(plain).encode()).hexdigest()}.npy"
    if path and path.exists():
        both = np.load(path, allow_pickle=False)
    else:
        both = np.hstack([encoder.pooled(plain), encoder.means(plain)])
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, both)
    return both[:, :POOLED], both[:, POOLED:]


class Guess(NamedTuple):
    """The linear guess of the encoder's mean from the cheap view, as stored."""

    map: NDArray[np.float16]
    mean: NDArray[np.float32]


def guess(seen: Views) -> Guess:
    """The guess with the least square error over all these texts, labelled or not."""
    average, target = seen.pooled.mean(axis=0, dtype=np.float64), seen.means.mean(axis=0, dtype=np.float64)
    columns = seen.pooled.astype(np.float64) - average
    among = columns.T @ columns
    among[np.diag_indices_from(among)] *= 1.0 + GUESS_PENALTY
    found = np.linalg.solve(among, columns.T @ (seen.means - target)).astype(np.float16)
    return Guess(found, (target - average @ found.astype(np.float64)).astype(np.float32))


class Kernel(NamedTuple):
    """A stage with a kernel as fitted: landmarks as stored, weights of nearness to them, of cues, and the bias."""

    landmarks: NDArray[np.int8 | np.int16]
    weights: Array
    cues: Array
    bias: Array


def centre(means: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middle of the encoder's means of all texts, as stored."""
    return np.asarray(means.mean(axis=0, dtype=np.float64), dtype=np.float32)


class Shape(NamedTuple):
    """Of a kernel: how fast nearness falls, the penalty on the landmarks' weights, how landmarks are stored."""

    width: float
    penalty: float
    stored: type[np.int8 | np.int16]


CAREFUL: Final = Shape(linear.CAREFUL_WIDTH, CAREFUL_PENALTY, np.int8)
# Along directions the first numbers are so much larger than the rest that a byte is too coarse for those.
SKETCHED: Final = Shape(linear.SKETCH_WIDTH, SKETCHED_PENALTY, np.int16)


class Seen(NamedTuple):
    """What a kernel sees of texts: what `joined` makes of the encoder's views, and the cues."""

    vectors: NDArray[np.float32]
    cues: NDArray[np.float32]


def kernel(
    seen: Seen,
    targets: Array,
    weights: Array,
    candidates: NDArray[np.bool_],
    landmarks: int,
    shape: Shape = CAREFUL,
) -> Kernel:
    """Fits a kernel machine (Nyström's way) over landmarks spread evenly over the candidates' rows."""
    places = np.flatnonzero(candidates)
    chosen = seen.vectors[places[np.linspace(0, len(places) - 1, min(landmarks, len(places))).astype(int)]]
    most = np.iinfo(shape.stored).max
    stored = np.rint(chosen / np.abs(chosen).max(axis=1, keepdims=True) * most).astype(shape.stored)
    marks = linear.landmarks(stored)
    among = linear.nearness(marks, marks, shape.width).astype(np.float64) + JITTER * np.eye(len(marks))
    whitening = np.linalg.inv(np.linalg.cholesky(among)).T
    columns = np.empty((len(seen.cues), len(marks) + len(CATEGORIES) + 1))
    for first in range(0, len(columns), BLOCK):
        rows = slice(first, first + BLOCK)
        near = linear.nearness(seen.vectors[rows], marks, shape.width)
        columns[rows, : len(marks)] = near.astype(np.float64) @ whitening
    columns[:, len(marks) : -1] = seen.cues
    columns[:, -1] = 1.0
    penalty = np.r_[np.full(len(marks), shape.penalty), np.full(len(CATEGORIES), CUE_PENALTY), [BIAS_PENALTY]]
    matrix = fit(columns, targets, weights, penalty)
    return Kernel(stored, whitening @ matrix[: len(marks)], matrix[len(marks) : -1], matrix[-1])


def kernel_logits(seen: Seen, model: Kernel, shape: Shape = CAREFUL) -> Array:
    """Outputs of a kernel by itself, block by block: the nearness to all landmarks is large."""
    marks = linear.landmarks(model.landmarks)
    blocks = [
        linear.nearness(seen.vectors[first : first + BLOCK], marks, shape.width) @ model.weights.astype(np.float32)
        for first in range(0, len(seen.vectors), BLOCK)
    ]
    return np.asarray(np.vstack(blocks) + seen.cues @ model.cues + model.bias)


class Sketch(NamedTuple):
    """Stage 2 for the texts of one script: the guess of a mean, what is looked at of it, and the kernel on that."""

    guess: Guess
    directions: NDArray[np.float32]
    kernel: Kernel


def sketched(seen: Views, by: Guess, middle: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """What `joined` makes of the guessed means."""
    means = np.asarray(seen.pooled @ by.map.astype(np.float32) + by.mean)
    return joined(head(means), means, middle)


def directions(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Those along which the rows are longest, as columns: the first eigenvectors of their products.

    None along which they have no length: those would be another processor's noise.
    """
    exact = rows.astype(np.float64)
    values, vectors = np.linalg.eigh(exact.T @ exact)
    some = int((values > NO_LENGTH * values[-1]).sum())
    return np.ascontiguousarray(vectors[:, ::-1][:, : min(some, DIRECTIONS)], dtype=np.float32)


def sketch(
    seen: Views,
    middle: NDArray[np.float32],
    head: Head,
    targets: Array,
    weights: Array,
    chosen: NDArray[np.bool_],
    landmarks: int,
) -> Sketch:
    """Fits stage 2 to texts of one script."""
    by = guess(seen)
    wide = sketched(seen, by, middle, head)
    along = directions(wide)
    narrow = Seen(linear.narrowed(wide, along), seen.cues)
    return Sketch(by, along, kernel(narrow, targets, weights, chosen, landmarks, SKETCHED))


def fast(seen: Views, targets: Array, weights: Array) -> Array:
    """Weights of stage 1: n-grams, cues, bias. A bucket that no text has keeps the weight 0."""
    buckets = seen.grams.shape[1]
    used = np.flatnonzero(np.bincount(seen.grams.indices, minlength=buckets))
    penalty = np.r_[np.full(len(used), GRAM_PENALTY), np.full(len(CATEGORIES), CUE_PENALTY), [BIAS_PENALTY]]
    found = fit(_fast_columns(seen._replace(grams=seen.grams[:, used])), targets, weights, penalty)
    matrix = np.zeros((buckets + len(CATEGORIES) + 1, linear.OUTPUTS))
    matrix[used] = found[: len(used)]
    matrix[buckets:] = found[len(used) :]
    return matrix


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
    """Targets and weights of the fast model: labels mixed with the teacher's view, then that alone for what follows."""
    labelled = len(corpus.texts)
    own = corpus.weights.copy()
    own[:, 1 : linear.NEGATIVE] = own[:, :1]
    largest = own.max(axis=1, keepdims=True)
    share = own / np.maximum(largest, 1e-9) * (1.0 - TEACHER_SHARE)
    targets = teacher.copy()
    targets[:labelled] = share * corpus.targets + (1.0 - share) * teacher[:labelled]
    weights = np.full(teacher.shape, UNLABELLED_WEIGHT)
    weights[:labelled] = np.maximum(largest, UNLABELLED_WEIGHT)
    weights[:, linear.SEVERITY] *= teacher[:, :1]  # the steps count as far as there is a complaint at all
    return targets, weights


def candidates(corpus: Corpus) -> NDArray[np.bool_]:
    """Rows that may become landmarks: our own, and the rated tweets and reviews."""
    return np.array([group.startswith(("own/", "vader_")) for group in corpus.groups])


def of_script(seen: Views, script: int) -> Views:
    """The rows of one script."""
    rows = np.flatnonzero(seen.scripts == script)
    return Views(
        seen.scripts[rows], seen.cues[rows], seen.pooled[rows], seen.means[rows], seen.vectors[rows], seen.grams[rows]
    )


def both(first: Views, second: Views) -> Views:
    """The rows of both, one after the other."""
    return Views(
        np.concatenate([first.scripts, second.scripts]),
        np.vstack([first.cues, second.cues]),
        np.vstack([first.pooled, second.pooled]),
        np.vstack([first.means, second.means]),
        np.vstack([first.vectors, second.vectors]),
        sparse.vstack([first.grams, second.grams], format="csr"),
    )


def pack(
    fast_matrix: Array,
    middle: NDArray[np.float32],
    sketches: Sequence[Sketch],
    careful: Kernel,
    frequent: NDArray[np.int32],
    version: str,
) -> Arrays:
    """The arrays of the weights file; `sketches` are in the order of `SCRIPTS`.

    The n-gram table is kept as two bytes a number, landmarks as one or two, the rest as it is. Two, since a weight that
    two processors round to different sides must not show in a score.
    """
    buckets = 1 << features.BUCKETS_BITS
    table = fast_matrix[:buckets]
    scale = np.maximum(np.abs(table).max(axis=0) / 32767.0, 1e-9)
    arrays = {
        "version": np.array(version),
        "gram_table": np.rint(table / scale).astype(np.int16),
        "gram_scale": scale.astype(np.float32),
        "gram_cues": fast_matrix[buckets:-1].astype(np.float32),
        "gram_bias": fast_matrix[-1].astype(np.float32),
        "centre": middle,
        "frequent_tokens": frequent,
    }
    models = {"careful": careful}
    for script, one in zip(SCRIPTS, sketches, strict=True):
        arrays[f"sketch_{script}_map"] = one.guess.map
        arrays[f"sketch_{script}_mean"] = one.guess.mean
        arrays[f"sketch_{script}_directions"] = one.directions
        models[f"sketch_{script}"] = one.kernel
    for name, model in models.items():
        arrays[f"{name}_landmarks"] = model.landmarks
        arrays[f"{name}_weights"] = model.weights.astype(np.float32)
        arrays[f"{name}_cues"] = model.cues.astype(np.float32)
        arrays[f"{name}_bias"] = model.bias.astype(np.float32)
    return arrays
