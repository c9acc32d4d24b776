"""The kinds of values that a source's JSON holds: each reader returns None for a value of another type."""

from datetime import UTC, datetime
from typing import Any

from schemas.mention import rfc3339

MAX_ID_LENGTH = 64  # ours: X's ids have 19 digits; an id is part of keys and addresses
_MAX_COUNT = 2**63 - 1  # PostgreSQL's bigint
_EXACT_FLOAT = 2**53  # beyond it a float is no longer the number that was written
_CANONICAL_LENGTH = len("2026-08-01T00:00:00.000Z")


def identifier(value: Any) -> str | None:
    """An id, given as a string or as a number."""
    if isinstance(value, str):
        return value if 0 < len(value) <= MAX_ID_LENGTH and not value.isspace() else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_FLOAT:
        value = int(value)
    if isinstance(value, int):
        written = str(value) if abs(value) < 10**MAX_ID_LENGTH else ""
        return written if 0 < len(written) <= MAX_ID_LENGTH else None
    return None


def count(value: Any) -> int | None:
    """A count of things, given as a number or as a string of digits."""
    if type(value) is int:  # nearly always, and no bool
        return value if 0 <= value <= _MAX_COUNT else None
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else None
    else:
        return None
    return value if value is not None and 0 <= value <= _MAX_COUNT else None


def text(value: Any) -> str | None:
    """A string."""
    return value if isinstance(value, str) else None


def flag(value: Any) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def moment(value: Any) -> str | None:
    """A time in RFC 3339, in our spelling (UTC, milliseconds)."""
    if not isinstance(value, str) or len(value) < len("2026-08-01T00:00"):
        return None
    try:
        read = datetime.fromisoformat(value)
        if len(value) == _CANONICAL_LENGTH and value[7] + value[10] + value[19] + value[23] == "-T.Z":
            return value  # X's own spelling, which is ours
        return rfc3339(read if read.tzinfo else read.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
