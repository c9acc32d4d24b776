"""One line of bytes -> one JSON value whose strings every store takes: no NUL, no lone surrogate."""

import json
from typing import Any, NoReturn

import msgspec

from schemas.errors import RejectedError

REPLACEMENT = "\ufffd"
_ESCAPED_NUL = b"\\u0000"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_decoder = msgspec.json.Decoder()


class BadLineError(RejectedError):
    """This line, or this element of a page, is no post and nothing else that X sends: a dead letter."""


def decode_line(line: bytes) -> Any:
    """The line's JSON value. NUL characters and lone surrogates become U+FFFD, since PostgreSQL takes neither.

    The strict and fast decoder goes first; what it refuses gets a second, lenient reading (raw control characters,
    lone surrogates, a byte order mark). Raises BadLineError for what is not JSON in UTF-8 even then.
    """
    try:
        try:
            value = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _clean(_lenient(line))
        return _clean(value) if _ESCAPED_NUL in line else value
    except RecursionError:
        raise BadLineError("nested too deeply to be read") from None


def _lenient(line: bytes) -> Any:
    try:
        text = line.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise BadLineError(f"not UTF-8: {error.reason} at byte {error.start + 1}") from None
    try:
        return json.loads(text, strict=False, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise BadLineError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError as error:  # a number of more digits than Python converts
        raise BadLineError(f"not JSON: {error}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise BadLineError(f"not JSON: {name} is no JSON value")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean_text(key): _clean(item) for key, item in value.items()}
    return value


def _clean_text(text: str) -> str:
    if text.isascii():
        return text.replace("\0", REPLACEMENT)
    # The way over UTF-16 joins two halves of a pair that were written one by one, and replaces a half left alone.
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\0", REPLACEMENT)
