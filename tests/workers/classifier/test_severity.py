"""Severity rises with harm and falls with jokes and news."""

import numpy as np
import pytest

from schemas.mark import KINDS
from workers.classifier.cues import CATEGORIES
from workers.classifier.severity import severities

NAMES = [category.name for category in CATEGORIES]


@pytest.mark.parametrize(
    ("kind", "cues", "steps", "wanted"),
    [
        ("complaint", [], (0.1, 0.0, 0.0), "low"),
        ("complaint", [], (0.7, 0.1, 0.0), "medium"),
        ("complaint", [], (0.45, 0.1, 0.0), "medium"),
        ("complaint", [], (0.35, 0.1, 0.0), "low"),
        ("complaint", [], (0.9, 0.45, 0.1), "high"),
        ("complaint", [], (0.9, 0.35, 0.1), "medium"),
        ("complaint", [], (0.9, 0.8, 0.55), "critical"),
        ("complaint", [], (0.9, 0.8, 0.45), "high"),
        ("complaint", ["fire"], (0.9, 0.8, 0.2), "high"),
        ("complaint", ["fire"], (0.9, 0.8, 0.3), "critical"),
        ("complaint", [], (0.9, 0.8, 0.3), "high"),
        ("complaint", ["legal", "joking"], (0.6, 0.3, 0.3), "medium"),
        ("complaint", ["unanswered", "repeated"], (0.9, 0.3, 0.1), "high"),
        ("praise", ["fire"], (0.9, 0.9, 0.9), "none"),
        ("question", ["injury"], (0.9, 0.8, 0.7), "critical"),
        ("neutral", ["fire", "news"], (0.9, 0.8, 0.7), "high"),
        ("neutral", ["fire"], (0.9, 0.2, 0.1), "none"),
    ],
)
def test_a_row_of_the_table(kind: str, cues: list[str], steps: tuple[float, ...], wanted: str) -> None:
    present = np.array([[name in cues for name in NAMES]])
    found = severities(np.array([KINDS.index(kind)]), present, np.array([steps], dtype=np.float32))
    assert found == [wanted]
