"""Hashed n-grams of a whole batch at once: of characters (Japanese has no spaces) and of words (English has).

Every n-gram is a window of a polynomial hash over the code points, computed with numpy over the joined batch: no
Python runs per post. The hash is ours and fixed: weights are only good together with it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.classifier.text import code_points

BUCKETS_BITS: Final = 18  # ours: 262,144 buckets; twice as many changed no figure by more than its noise
CHARACTER_ORDERS: Final = (1, 2, 3, 4, 5)
WORD_ORDERS: Final = (1, 2, 3)

# The table of powers is as long as the longest joined batch; longer batches are cut into several (ours: 8 MB a table).
MAX_CHARACTERS: Final = 1 << 20

_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE: Final = pow(_BASE, -1, 1 << 64)
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_SPACE: Final = 32


class Family(NamedTuple):
    """The n-grams of one order, post after post: `buckets[starts[i]:starts[i + 1]]` are those of post i."""

    buckets: NDArray[np.int64]
    starts: NDArray[np.int64]


class Grams(NamedTuple):
    """All n-grams of a batch, a family an order, and how many each post has over all families."""

    families: tuple[Family, ...]
    counts: NDArray[np.int64]


def grams(folded: Sequence[str]) -> Grams:
    """Buckets of all n-grams of each post of the batch, in the posts' order."""
    parts: list[Grams] = []
    size, first = 0, 0
    for i, text in enumerate(folded):
        if size and size + len(text) + 3 > MAX_CHARACTERS:
            parts.append(_grams(folded[first:i]))
            size, first = 0, i
        size += len(text) + 3
    parts.append(_grams(folded[first:]))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: list[Grams]) -> Grams:
    families = []
    for same_order in zip(*(part.families for part in parts), strict=True):
        sizes = np.concatenate([np.diff(family.starts) for family in same_order])
        buckets = np.concatenate([family.buckets for family in same_order])
        families.append(Family(buckets, _starts(sizes)))
    return Grams(tuple(families), np.concatenate([part.counts for part in parts]))


def _grams(folded: Sequence[str]) -> Grams:
    # A space before and after each post marks its borders as those of words; 0 parts the posts.
    codes = code_points("".join(f" {text} \x00" for text in folded))
    post = np.cumsum(codes == 0) - (codes == 0)
    prefix = _prefix_hash(codes)
    found = [_character_grams(codes, prefix, post, order) for order in CHARACTER_ORDERS]
    found += _word_grams(codes, prefix, post)
    families = tuple(_family(key, owner, len(folded)) for key, owner in found)
    counts = np.sum([np.diff(family.starts) for family in families], axis=0)
    return Grams(families, np.maximum(counts, 1))


def _family(key: NDArray[np.uint64], owner: NDArray[np.int64], posts: int) -> Family:
    key ^= key >> np.uint64(29)
    key *= _MIX
    bucket = (key >> np.uint64(64 - BUCKETS_BITS)).astype(np.int64)
    return Family(bucket, _starts(np.bincount(owner, minlength=posts)))


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts


_POWERS: dict[int, tuple[NDArray[np.uint64], NDArray[np.uint64]]] = {}


def _powers(length: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    size = 1 << max(12, (length - 1).bit_length())
    if size not in _POWERS:
        tables = []
        for base in (_BASE, _INVERSE):
            table = np.full(size, base, dtype=np.uint64)
            table[0] = 1
            tables.append(np.cumprod(table, dtype=np.uint64))
        _POWERS[size] = (tables[0], tables[1])
    up, down = _POWERS[size]
    return up[:length], down[:length]


def _prefix_hash(codes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """prefix[i] = sum of code × base^position before i, modulo 2^64."""
    up, _ = _powers(len(codes))
    prefix = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(codes.astype(np.uint64) * up, out=prefix[1:])
    return prefix


def _window(
    prefix: NDArray[np.uint64], start: NDArray[np.int64], stop: NDArray[np.int64], salt: int
) -> NDArray[np.uint64]:
    """The hash of codes[start:stop], the same wherever in the batch the window stands."""
    _, down = _powers(len(prefix) - 1)
    return (prefix[stop] - prefix[start]) * down[start] + np.uint64(salt * 0xA0761D6478BD642F & 0xFFFFFFFFFFFFFFFF)


def _character_grams(
    codes: NDArray[np.uint32], prefix: NDArray[np.uint64], post: NDArray[np.int64], order: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    windows = len(codes) - order + 1
    if windows <= 0:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    inside = codes != 0
    whole = inside[:windows].copy()
    for shift in range(1, order):
        whole &= inside[shift : shift + windows]
    if order == 1:
        whole &= codes[:windows] != _SPACE
    start = np.flatnonzero(whole)
    return _window(prefix, start, start + order, order), post[start]


def _word_grams(
    codes: NDArray[np.uint32], prefix: NDArray[np.uint64], post: NDArray[np.int64]
) -> list[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """Words of Latin letters, digits and apostrophes, alone and in rows; other scripts have the character n-grams."""
    word = _is_word(codes)
    edge = np.diff(word.astype(np.int8), prepend=np.int8(0), append=np.int8(0))
    start = np.flatnonzero(edge == 1)
    stop = np.flatnonzero(edge == -1)
    found = []
    single = _window(prefix, start, stop, 16)
    for order in WORD_ORDERS:
        rows = max(len(start) - order + 1, 0)
        if not rows:
            found.append((np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)))
            continue
        key = single[:rows].copy()
        for i in range(1, order):
            key = key * np.uint64(0xE7037ED1A0B428DB) + single[i : i + rows]
        same = post[start[:rows]] == post[start[order - 1 :]]
        found.append((key[same] + np.uint64(order), post[start[:rows]][same]))
    return found


def _is_word(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    letter = (codes >= 97) & (codes <= 122)
    digit = (codes >= 48) & (codes <= 57)
    other = (codes == 39) | (codes == 0x2019) | (codes == 64) | ((codes >= 0xC0) & (codes <= 0x24F))
    return np.asarray(letter | digit | other)
