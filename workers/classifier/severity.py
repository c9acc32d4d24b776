"""How bad a complaint is: what harm it tells of, how far from solved, by what it says and by the models' steps."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.mark import SEVERITIES, Kind, Severity
from workers.classifier.cues import CATEGORIES, INDEX

_GRAVITY: Final = np.array([category.gravity for category in CATEGORIES])
# Harm that people joke about; a joking post needs another sign than these.
_JOKED_ABOUT: Final = np.array([category.name in {"injury", "legal", "poisoning", "danger"} for category in CATEGORIES])

# A step of the models counts as said from this probability on; with a phrase for it, from the lower one (ours, chosen
# on our own posts: a critical one missed costs more than one too many).
SAID: Final = 0.5
SAID_WITH_CUE: Final = 0.2
# A question or a neutral post takes the harm it reports from here on.
HARM_REPORTED: Final = 0.6


def severity(kind: Kind, present: NDArray[np.bool_], steps: NDArray[np.float32]) -> Severity:
    """`present`: the cues of the post; `steps`: probability of at least medium, high and critical."""
    gravity = _gravity(present)
    level = 1
    for step, probability in enumerate(steps, start=2):
        if probability >= (SAID_WITH_CUE if gravity >= step else SAID):
            level = step
    if kind == "complaint":
        return SEVERITIES[level]
    if kind in ("question", "neutral") and gravity >= 4 and level >= 3 and steps[1] >= HARM_REPORTED:
        return SEVERITIES[level - 1 if present[INDEX["news"]] else level]
    return "none"


def _gravity(present: NDArray[np.bool_]) -> int:
    counted = present & ~_JOKED_ABOUT if present[INDEX["joking"]] else present
    worst = int(_GRAVITY[counted].max(initial=0))
    if present[INDEX["unanswered"]] and present[INDEX["repeated"]]:
        worst = max(worst, 3)
    return worst
