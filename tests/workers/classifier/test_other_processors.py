"""On another processor the same weights give the same scores, and so do weights trained there from the same data."""

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

# OpenBLAS as on a processor without AVX-512; on one that has none anyway the two are the same and the test says less.
PROCESSORS = ({"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell"})


def _run(settings: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.workers.classifier.small_training"],
        capture_output=True,
        check=True,
        env=os.environ | settings,
        timeout=300,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(600)
def test_scores_and_a_small_training_are_the_same_on_another_processor() -> None:
    one, other = (_run(settings) for settings in PROCESSORS)
    assert np.abs(np.array(one["shipped"]) - np.array(other["shipped"])).max() <= 1.01e-4  # of four digits, the last
    assert np.abs(np.array(one["trained"]) - np.array(other["trained"])).max() <= 1e-4
