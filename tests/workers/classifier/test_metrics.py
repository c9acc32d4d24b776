"""The figures of merit, against values worked out by hand."""

import numpy as np
import pytest

from workers.classifier import metrics


def test_auc_counts_ties_half() -> None:
    assert metrics.auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True])) == pytest.approx(0.875)


def test_calibration_error_of_a_model_that_always_says_half() -> None:
    assert metrics.calibration_error(np.full(100, 0.5), np.arange(100) % 4 == 0, bins=1) == pytest.approx(0.25)


def test_kappa() -> None:
    assert metrics.kappa([0, 1, 1, 0], [0, 1, 1, 0], 2) == pytest.approx(1.0)
    assert metrics.kappa([0, 1, 0, 1], [0, 0, 1, 1], 2) == pytest.approx(0.0)
    assert metrics.kappa([0, 1, 2], [0, 1, 1], 3, weighted=True) > metrics.kappa([0, 1, 2], [0, 1, 0], 3, weighted=True)


def test_macro_f1() -> None:
    assert metrics.macro_f1(["a", "a", "b"], ["a", "b", "b"]) == pytest.approx(2 / 3)
