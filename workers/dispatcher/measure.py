"""How long a text is in a provider's own unit, and cutting it to a limit between what a reader sees as characters."""

from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Final

import regex

Unit = Callable[[str], int]

# Ours: a message's posts are measured several times over while they are made to fit.
_REMEMBERED: Final = 16
_GRAPHEME: Final = regex.compile(r"\X")


def characters(text: str) -> int:
    """Code points."""
    return len(text)


def code_units(text: str) -> int:
    """UTF-16 code units: most emoji are two, one with a skin colour four."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_bytes(text: str) -> int:
    """Bytes in UTF-8: a Japanese character is three."""
    return len(text.encode("utf-8", "surrogatepass"))


def json_code_units(text: str) -> int:
    """UTF-16 code units as it stands in JSON: a quote, a backslash or a line's end is two, a control character six."""
    return code_units(_in_json(text))


def json_utf8_bytes(text: str) -> int:
    """Bytes in UTF-8 as it stands in JSON."""
    return utf8_bytes(_in_json(text))


def graphemes(text: str) -> int:
    """What a reader sees as characters: a family of emoji is one."""
    return sum(1 for _ in _GRAPHEME.finditer(text))


def cut(text: str, limit: int, unit: Unit) -> str:
    """The text if it fits, else its beginning and `… (+N)`: N characters, as a reader counts them, are left out."""
    if unit(text) <= limit:
        return text
    seen = _split(text)
    room = limit - unit(_tail(len(seen)))  # no later tail is longer
    if room < 0:
        return ""
    kept, used = 0, 0
    for grapheme in seen:
        used += unit(grapheme)
        if used > room:
            break
        kept += 1
    return "".join(seen[:kept]) + _tail(len(seen) - kept)


def _in_json(text: str) -> str:
    return encode_basestring(text)[1:-1]  # what `json.dumps` does, which makes an encoder each time


@lru_cache(maxsize=_REMEMBERED)
def _split(text: str) -> tuple[str, ...]:
    return tuple(_GRAPHEME.findall(text))


def _tail(left_out: int) -> str:
    return f"… (+{left_out})"
