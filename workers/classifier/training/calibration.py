"""How sure the models may be: measured on posts of industries that they did not learn from, then built in.

The taught stages learn from the calibrated one, from what it says of posts that it had not seen.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]  # ships no types

from schemas.mark import KINDS
from workers.classifier import linear
from workers.classifier.cues import INDEX
from workers.classifier.training.build import Kernel, Seen, kernel, kernel_logits
from workers.classifier.training.corpus import Row, is_plain
from workers.classifier.training.fit import Array

FOLDS: Final = 3
# Of the posts to a company's account so many are complaints: 62.5 % as published for complaints on X (Preoţiuc-Pietro
# and others, ACL 2019: 1,232 of 1,971), 63 % as published for posts to airlines. In ours the share means nothing.
ADDRESSED_COMPLAINTS: Final = 0.625
# What others write is further from what the models learned than one of our industries is from the rest, so they are
# never made surer than this of what they said there (ours, chosen with complaints_en in view; see MODEL.md).
SUREST: Final = 0.9

_COMPLAINT: Final = KINDS.index("complaint")
_KINDS: Final = slice(0, len(KINDS))


class Calibration(NamedTuple):
    """What the outputs are multiplied by, and what is added to that of complaint."""

    kinds: float
    addressed: float
    other: float
    negative: float


def unseen(
    rows: Sequence[Row],
    seen: Seen,
    targets: Array,
    weights: Array,
    candidates: NDArray[np.bool_],
    landmarks: int,
    folds: int = FOLDS,
) -> Array:
    """Outputs for our own posts (the first rows of all), each from a model that saw no post of its industry."""
    industries = sorted({row["industry"] for row in rows})
    fold = np.full(len(seen.cues), -1)
    fold[: len(rows)] = [industries.index(row["industry"]) % folds for row in rows]
    found = np.zeros((len(rows), linear.OUTPUTS))
    for i in range(folds):
        kept, out = fold != i, np.flatnonzero(fold == i)
        part = Seen(seen.vectors[kept], seen.cues[kept])
        model = kernel(part, targets[kept], weights[kept], candidates[kept], landmarks)
        found[out] = kernel_logits(Seen(seen.vectors[out], seen.cues[out]), model)
    return found


def measured(logits: Array, rows: Sequence[Row], cues: NDArray[np.float32]) -> Calibration:
    """The calibration under which what plain posts really are is likeliest: hard ones are rarer in life than here."""
    kinds = np.array([KINDS.index(row["kind"]) for row in rows])
    addressed = cues[: len(rows), INDEX["addressed"]] > 0
    weights = _weights(rows, kinds == _COMPLAINT, addressed)

    def loss(guess: Array) -> float:
        scaled = guess[0] * logits[:, _KINDS]
        scaled[:, _COMPLAINT] += np.where(addressed, guess[1], guess[2])
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        negative = guess[3] * logits[:, linear.NEGATIVE]
        of_negative = np.logaddexp(0.0, negative) - (kinds == _COMPLAINT) * negative
        return float((weights * (total - scaled[np.arange(len(kinds)), kinds] + of_negative)).sum())

    run: Callable[..., Any] = minimize
    bounds = [(0.0, SUREST), (None, None), (None, None), (0.0, SUREST)]
    found = run(loss, np.array([SUREST, 0.0, 0.0, SUREST]), method="L-BFGS-B", bounds=bounds).x
    return Calibration(*np.round(found, 3).tolist())


def _weights(rows: Sequence[Row], complaint: NDArray[np.bool_], addressed: NDArray[np.bool_]) -> Array:
    plain = np.array([is_plain(row) for row in rows])
    weights = plain / max(plain.sum(), 1)
    total = weights[addressed].sum()
    for side, share in ((complaint, ADDRESSED_COMPLAINTS), (~complaint, 1.0 - ADDRESSED_COMPLAINTS)):
        weights[addressed & side] *= share * total / max(weights[addressed & side].sum(), 1e-12)
    return np.asarray(weights)


def calibrated(logits: Array, cues: NDArray[np.float32], by: Calibration) -> Array:
    """Outputs as they should have been."""
    found = logits.copy()
    found[:, _KINDS] *= by.kinds
    found[:, linear.NEGATIVE] *= by.negative
    found[:, _COMPLAINT] += np.where(cues[:, INDEX["addressed"]] > 0, by.addressed, by.other)
    return found


def built_in(model: Kernel, by: Calibration) -> Kernel:
    """The model that gives calibrated outputs by itself."""
    scale = np.ones(linear.OUTPUTS)
    scale[_KINDS], scale[linear.NEGATIVE] = by.kinds, by.negative
    cues, bias = model.cues * scale, model.bias * scale
    bias[_COMPLAINT] += by.other
    cues[INDEX["addressed"], _COMPLAINT] += by.addressed - by.other
    return Kernel(model.landmarks, model.weights * scale, cues, bias)
