"""How bad a complaint is: what harm it tells of, how far from solved, by what it says and by the models' steps."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.mark import KINDS, SEVERITIES, Severity
from workers.classifier.cues import CATEGORIES, INDEX

_GRAVITY: Final = np.array([category.gravity for category in CATEGORIES])
# Harm that people joke about; a joking post needs another sign than these.
_JOKED_ABOUT: Final = np.array([category.name in {"injury", "legal", "poisoning", "danger"} for category in CATEGORIES])

# A step of the models counts as said from this probability on; with a phrase for it, from the lower one (ours, chosen
# on our own posts, whole industries left out: a critical one missed costs more than one too many).
SAID: Final = 0.4
CRITICAL_SAID: Final = 0.5  # with no phrase of harm at all: somebody is woken for it
SAID_WITH_CUE: Final = 0.25
# A question or a neutral post takes the harm it reports from here on.
HARM_REPORTED: Final = 0.6


def severities(kinds: NDArray[np.int64], present: NDArray[np.bool_], steps: NDArray[np.float32]) -> list[Severity]:
    """Of each post: `kinds` its kind's index, `present` its cues, `steps` how likely each step up is."""
    gravity = _gravity(present)
    level = np.ones(len(kinds), dtype=np.int64)
    for step in (2, 3, 4):
        needed = np.where(gravity >= step, SAID_WITH_CUE, CRITICAL_SAID if step == 4 else SAID)
        level = np.where(steps[:, step - 2] >= needed, step, level)
    complaint = kinds == KINDS.index("complaint")
    reporting = np.isin(kinds, (KINDS.index("question"), KINDS.index("neutral")))
    reporting &= (gravity >= 4) & (level >= 3) & (steps[:, 1] >= HARM_REPORTED)
    reported = level - present[:, INDEX["news"]]
    return [SEVERITIES[i] for i in np.where(complaint, level, np.where(reporting, reported, 0)).tolist()]


def _gravity(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The gravest phrase of each post, those that people joke about left out where the post is joking."""
    counted = present & ~(_JOKED_ABOUT & present[:, [INDEX["joking"]]])
    worst = np.where(counted, _GRAVITY, 0).max(axis=1)
    long_unanswered = present[:, INDEX["unanswered"]] & present[:, INDEX["repeated"]]
    return np.asarray(np.where(long_unanswered, np.maximum(worst, 3), worst))
