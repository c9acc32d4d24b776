"""How alike two texts are, told by numbers from which neither can be read back: what a lesson keeps of its post.

A text becomes a set of 16-bit numbers, one for each short run of its characters (Japanese) or words (English). Hundreds
of runs share each number and their order is lost, so that the set serves for comparing and for nothing else. The
numbers stand in users' stores: a change of anything here needs another VERSION.
"""

import html
import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

VERSION: Final = 1

# Ours: a post of 140 Japanese characters has about twice as many; of longer texts the smallest numbers stand for all.
MOST_FEATURES: Final = 192

Features = NDArray[np.uint16]

_LINK = re.compile(r"(?:https?://|www\.)[^\s\u3000-\u9fff]+")
_HANDLE = re.compile(r"(?<![0-9a-z_])[@\uff20][0-9a-z_]+")
_BETWEEN = re.compile(r"[\W_]+")

_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_SPACE: Final = 32


class Likenesses(NamedTuple):
    """Of a batch of texts: `features[starts[i]:starts[i + 1]]` are those of text i, sorted; `exact[i]` is the same for
    the same words alone, 0 for a text without words."""

    features: Features
    starts: NDArray[np.int64]
    exact: list[int]

    def of(self, i: int) -> Features:
        """The features of text i."""
        return self.features[self.starts[i] : self.starts[i + 1]]


def bare(text: str) -> str:
    """The words alone: one width and case, without links, handles, signs and emoji."""
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.lower()
    if "://" in text or "www." in text:
        text = _LINK.sub(" ", text)
    if "@" in text:
        text = _HANDLE.sub(" ", text)
    return _BETWEEN.sub(" ", text).strip()


def likenesses(texts: Sequence[str]) -> Likenesses:
    """What each text looks like; of the whole batch at once, since a call for each run of characters would cost more
    than classifying the post does."""
    joined = "".join([f" {bare(text)} \0" for text in texts])
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    if not len(codes):
        return Likenesses(np.empty(0, dtype=np.uint16), np.zeros(1, dtype=np.int64), [])
    ends = np.flatnonzero(codes == 0)
    post = np.cumsum(codes == 0) - (codes == 0)
    latin = _is_latin(codes)
    words, of_word, word = _words(codes, latin, post)
    exact = _whole(words, codes, post, len(texts))
    found = [*_runs(codes, latin | (codes == 0) | (codes == _SPACE), post), (word, of_word), *_pairs(word, of_word)]
    keys = np.concatenate([owner.astype(np.uint64) << np.uint64(16) | _sixteen(key) for key, owner in found])
    keys.sort()
    keys = keys[np.diff(keys, prepend=np.uint64(1 << 63)) != 0]
    sizes = np.bincount((keys >> np.uint64(16)).astype(np.int64), minlength=len(ends))
    first = np.cumsum(sizes) - sizes
    kept = np.arange(len(keys)) - np.repeat(first, sizes) < MOST_FEATURES
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.minimum(sizes, MOST_FEATURES), out=starts[1:])
    return Likenesses((keys[kept] & np.uint64(0xFFFF)).astype(np.uint16), starts, exact)


def jaccard(a: Features, b: Features) -> float:
    """Of the features of both, how many they share: 1 for the same words, near 0 for strangers."""
    if not len(a) or not len(b):
        return 0.0
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


def _is_latin(codes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Letters of words that spaces part, and digits."""
    letter = ((codes >= 97) & (codes <= 122)) | ((codes >= 48) & (codes <= 57))
    return np.asarray(letter | ((codes >= 0xC0) & (codes <= 0x24F)))


def _powers(exponents: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The base to these powers, modulo 2^64."""
    table = np.full(int(exponents.max(initial=0)) + 1, _BASE)
    table[0] = 1
    return np.asarray(np.cumprod(table, dtype=np.uint64)[exponents])


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    keys = (keys ^ (keys >> np.uint64(29))) * _MIX
    return np.asarray(keys ^ (keys >> np.uint64(32)))


def _sixteen(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.asarray(_mixed(keys) >> np.uint64(48))


Found = tuple[NDArray[np.uint64], NDArray[np.int64]]
"""Hashes, and the text that each is of."""


def _runs(codes: NDArray[np.uint64], other: NDArray[np.bool_], post: NDArray[np.int64]) -> list[Found]:
    """Two and three characters in a row of scripts that are written without spaces."""
    found = []
    for order in (2, 3):
        size = max(len(codes) - order + 1, 0)
        whole, key = ~other[:size], codes[:size].copy()
        for i in range(1, order):
            whole &= ~other[i : i + size]
            key = key * _BASE + codes[i : i + size]
        found.append((key[whole] + np.uint64(order), post[:size][whole]))
    return found


def _words(
    codes: NDArray[np.uint64], latin: NDArray[np.bool_], post: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Where each word of Latin letters begins, of which text it is, and its hash."""
    edge = np.diff(latin.astype(np.int8), prepend=np.int8(0))
    start = np.flatnonzero(edge == 1)
    if not len(start):
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, np.empty(0, dtype=np.uint64)
    place = np.flatnonzero(latin)
    number = np.cumsum(edge == 1)[place] - 1
    power = _powers(place - start[number])
    first = np.flatnonzero(np.diff(number, prepend=-1))
    hashed = np.add.reduceat(codes[place] * power, first)
    return start, post[start], _mixed(hashed)


def _pairs(word: NDArray[np.uint64], of_word: NDArray[np.int64]) -> list[Found]:
    """Two words in a row."""
    same = of_word[1:] == of_word[:-1]
    return [((word[:-1] * _BASE + word[1:])[same], of_word[1:][same])]


def _whole(words: NDArray[np.int64], codes: NDArray[np.uint64], post: NDArray[np.int64], texts: int) -> list[int]:
    """One number for all of a text's letters in their order; a word's border counts, a space elsewhere doesn't."""
    letter = (codes != 0) & (codes != _SPACE)
    border = np.zeros(len(codes), dtype=np.uint64)
    border[words] = np.uint64(1)
    place, owner = np.flatnonzero(letter), post[letter]
    if not len(place):
        return [0] * texts
    sizes = np.bincount(owner, minlength=texts)
    first = np.cumsum(sizes) - sizes
    within = np.arange(len(place)) - np.repeat(first, sizes)
    terms = (codes[place] * np.uint64(2) + border[place]) * _powers(within)
    some = np.flatnonzero(sizes)
    found = np.zeros(texts, dtype=np.uint64)
    found[some] = _mixed(np.add.reduceat(terms, first[some])) | np.uint64(1)
    return [int(number) for number in found]
