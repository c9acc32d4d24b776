"""Turns raw posts into the two forms that the models read: plain (masked, case kept) and folded (lower case).

Whole batches at a time, on an array of code points: a call per post and step would cost more than the models do.
"""

import html
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Stands between the posts of a batch while one pass runs over all of them; removed from every post first.
SEPARATOR: Final = "\x00"

# What a handle and a link become: unmasked, a brand's handle tells the label, and a link tells nothing.
HANDLE: Final = "@user"
LINK: Final = "http"

# Longer runs of one character say no more than this many do (ours): "sooooo" and 10,000 emoji become short.
LONGEST_RUN: Final = 3

_LINK = re.compile(r"(?:https?://|www\.)[^\s\x00　-鿿]+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![0-9A-Za-z_])@[0-9A-Za-z_]+")

_DROPPED: Final = 0xFFFFFFFF
_SPACE: Final = 32
# Without width or direction: soft hyphen, joiners, marks of direction, variation selectors; and the marks that pile up
# on Latin letters (zalgo). The Japanese sound marks U+3099 and U+309A are not among them.
_WITHOUT_TRACE: Final = (
    (0x00AD, 0x00AD), (0x180E, 0x180E), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0x0300, 0x036F), (0x0483, 0x0489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)  # fmt: skip


def _table() -> NDArray[np.uint32]:
    """For each character of the basic plane: what it becomes where that is one character, by itself."""
    table = np.arange(0x10000, dtype=np.uint32)
    for code in (*range(0x00A0, 0x0300), *range(0x2000, 0x3400), *range(0xF900, 0x10000)):
        whole = unicodedata.normalize("NFKC", chr(code))
        if len(whole) == 1:
            table[code] = ord(whole)
        elif whole.startswith(" "):  # an accent that stands alone, as in kaomoji: a space and a piled mark
            table[code] = _SPACE
    for code in range(0x3001):
        if code and chr(code).isspace():
            table[code] = _SPACE
    table[1:9] = table[14:32] = table[127] = _SPACE  # control characters
    table[0xD800:0xE000] = 0xFFFD  # lone surrogates
    for first, last in _WITHOUT_TRACE:
        table[first : last + 1] = _DROPPED
    return table


def _needs_composing() -> NDArray[np.bool_]:
    """Characters that a table can't treat one by one: they become several, or join the one before them."""
    needs = np.zeros(0x10000, dtype=np.bool_)
    # Left out for the sake of a quick start: ideographs and Hangul syllables, which stay as they are.
    for code in (*range(0x80, 0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0xFFFD)):
        character = chr(code)
        unmapped = _TABLE[code] == code and unicodedata.normalize("NFKC", character) != character
        needs[code] = unmapped or bool(unicodedata.combining(character))
    needs[0x1100:0x1200] = True  # Hangul letters
    needs[0xFF9E:0xFFA0] = True  # the half-width sound marks: they join the kana before them
    return needs


_TABLE: Final = _table()
_NEEDS_COMPOSING: Final = _needs_composing()
# Mathematical letters and enclosed ones, beyond the basic plane: people write names with them to escape filters.
_FANCY_LETTERS: Final = ((0x1D400, 0x1D7FF), (0x1F100, 0x1F1FF))


def plain(texts: Sequence[str]) -> list[str]:
    """Each text with entities resolved, widths unified (NFKC), handles and links masked and noise squeezed."""
    if not texts:
        return []
    joined = _mapped(SEPARATOR.join(map(_resolved, texts)))
    if "@" in joined:
        joined = _HANDLE.sub(HANDLE, joined)
    joined = _LINK.sub(LINK, joined)
    return [text.strip() for text in _squeezed(joined).split(SEPARATOR)]


def folded(plain_texts: Sequence[str]) -> list[str]:
    """Plain texts in lower case, character for character: a place in one form is the same place in the other."""
    joined = SEPARATOR.join(plain_texts)
    # U+0130 is the one character whose lower case is two.
    return joined.replace("\u0130", "I").lower().split(SEPARATOR) if plain_texts else []


def code_points(text: str) -> NDArray[np.uint32]:
    """The text as an array of code points; lone surrogates are let through."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _resolved(text: str) -> str:
    text = text.replace(SEPARATOR, " ")
    return html.unescape(text).replace(SEPARATOR, " ") if "&" in text else text


def _mapped(joined: str) -> str:
    if joined.isascii() and joined.isprintable():
        return joined
    codes = code_points(joined)
    needing = _NEEDS_COMPOSING[np.minimum(codes, len(_TABLE) - 1)] & (codes < len(_TABLE))
    for first, last in _FANCY_LETTERS:
        needing |= (codes >= first) & (codes <= last)
    if needing.any():
        posts = _string(np.where(_is_surrogate(codes), 0xFFFD, codes)).split(SEPARATOR)
        for i in np.unique(np.searchsorted(np.flatnonzero(codes == 0), np.flatnonzero(needing))):
            posts[i] = unicodedata.normalize("NFKC", posts[i])
        codes = code_points(SEPARATOR.join(posts))
    mapped = np.where(codes < len(_TABLE), _TABLE[np.minimum(codes, len(_TABLE) - 1)], codes)
    return _string(mapped[mapped != _DROPPED])


def _is_surrogate(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.asarray((codes >= 0xD800) & (codes <= 0xDFFF))


def _squeezed(joined: str) -> str:
    """Runs cut to the longest that says something, and those of spaces to one."""
    codes = code_points(joined)
    same = np.zeros(len(codes), dtype=np.bool_)
    same[1:] = (codes[1:] == codes[:-1]) & (codes[1:] != 0)
    longer = same.copy()
    for back in range(1, LONGEST_RUN):
        longer[back:] &= same[:-back]
        longer[:back] = False
    return _string(codes[~(longer | (same & (codes == _SPACE)))])


def _string(codes: NDArray[np.uint32]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")
