"""Fits linear outputs to soft targets by L-BFGS. The loss is strictly convex: the weights depend on the data alone."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # ships no types
from scipy.optimize import minimize  # type: ignore[import-untyped]  # ships no types

from schemas.mark import KINDS
from workers.classifier import linear

Array = NDArray[np.float64]

_KINDS: Final = slice(0, len(KINDS))
_BINARY: Final = slice(len(KINDS), linear.OUTPUTS)

# Until the last digits have settled, so that another processor finds the same scores within 1e-4 (a test): after 120
# steps they differed by 4e-4, after 300 to 400 by 5e-5. A fit that needs more steps than these is stopped.
STEPS: Final = 1000
LEAST_GAIN: Final = 1e-12
LEAST_SLOPE: Final = 1e-10


def loss_and_slope(logits: Array, targets: Array, weights: Array) -> tuple[float, Array]:
    """Weighted cross-entropy over the kinds plus that of each binary output, and its derivative by the logits."""
    kinds = logits[:, _KINDS]
    top = kinds.max(axis=1, keepdims=True)
    total = top + np.log(np.exp(kinds - top).sum(axis=1, keepdims=True))
    share = weights[:, :1]
    loss = float((share * targets[:, _KINDS] * (total - kinds)).sum())
    slope = np.empty_like(logits)
    slope[:, _KINDS] = share * (np.exp(kinds - total) - targets[:, _KINDS])
    binary = logits[:, _BINARY]
    wanted = targets[:, _BINARY]
    loss += float((weights[:, _BINARY] * (np.logaddexp(0.0, binary) - wanted * binary)).sum())
    slope[:, _BINARY] = weights[:, _BINARY] * (0.5 * (1.0 + np.tanh(0.5 * binary)) - wanted)
    return loss, slope


def fit(
    features: Any,
    targets: Array,
    weights: Array,
    penalty: Array | float,
) -> Array:
    """Weights (features × outputs) that minimise the loss plus `penalty`/2 × weight² (a number, or one a feature)."""
    shape = (features.shape[1], linear.OUTPUTS)
    ridge = np.broadcast_to(np.asarray(penalty, dtype=np.float64).reshape(-1, 1), (shape[0], 1))
    scale = 1.0 / max(float(weights[:, 0].sum()), 1.0)

    # In the weights' own precision and transposed once: each step would convert and turn them anew.
    columns = features.astype(np.float64)
    turned = columns.T.tocsr() if sparse.issparse(columns) else columns.T

    def objective(flat: Array) -> tuple[float, Array]:
        matrix = flat.reshape(shape)
        loss, slope = loss_and_slope(np.asarray(columns @ matrix), targets, weights)
        loss += 0.5 * float((ridge * matrix * matrix).sum())
        gradient = np.asarray(turned @ slope) + ridge * matrix
        return loss * scale, (gradient * scale).ravel()

    run: Callable[..., Any] = minimize
    options = {"maxiter": STEPS, "maxfun": 2 * STEPS, "maxcor": 10, "ftol": LEAST_GAIN, "gtol": LEAST_SLOPE}
    found = run(objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(shape))
