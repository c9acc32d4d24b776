"""Turns raw posts into the two forms that the models read: plain (masked, case kept) and folded (lower case)."""

import html
import re
import unicodedata
from collections.abc import Sequence

# Stands between the posts of a batch while one regular expression runs over all of them; removed from every post first.
SEPARATOR = "\x00"

# What a handle and a link become: unmasked, a brand's handle tells the label, and a link tells nothing.
HANDLE = "@user"
LINK = "http"

# Longer runs of one character say no more than this many do (ours): "sooooo" and 10,000 emoji become short.
LONGEST_RUN = 3

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_WITHOUT_WIDTH = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
# Marks that pile up on Latin letters (zalgo). The Japanese sound marks U+3099 and U+309A are not among them.
_PILED_MARKS = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_LINK = re.compile(r"(?:https?://|www\.)[^\s\x00　-鿿]+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![0-9A-Za-z_])@[0-9A-Za-z_]+")
_SPACE = re.compile(r"[^\S\x00]+")
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_RUN = re.compile(r"([^\x00])\1{" + str(LONGEST_RUN) + ",}")


def plain(texts: Sequence[str]) -> list[str]:
    """Each text with entities resolved, widths unified (NFKC), handles and links masked and noise squeezed.

    One pass over the joined batch: a call per post and step would cost more than the models do.
    """
    if not texts:
        return []
    joined = SEPARATOR.join(_resolved(text) for text in texts)
    if not joined.isascii():
        joined = _LONE_SURROGATE.sub("\ufffd", joined)
        joined = unicodedata.normalize("NFKC", joined)
        joined = _WITHOUT_WIDTH.sub("", joined)
        joined = _PILED_MARKS.sub("", joined)
    joined = _LINK.sub(LINK, joined)
    joined = _HANDLE.sub(HANDLE, joined)
    joined = _CONTROL.sub(" ", joined)
    joined = _SPACE.sub(" ", joined)
    joined = _RUN.sub(r"\1" * LONGEST_RUN, joined)
    return [text.strip() for text in joined.split(SEPARATOR)]


def folded(plain_texts: Sequence[str]) -> list[str]:
    """Plain texts in lower case, character for character: a place in one form is the same place in the other."""
    # U+0130 is the one character whose lower case is two.
    return [text.replace("\u0130", "I").lower() for text in plain_texts]


def _resolved(text: str) -> str:
    text = text.replace(SEPARATOR, " ")
    return html.unescape(text).replace(SEPARATOR, " ") if "&" in text else text
