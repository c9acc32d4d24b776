"""Durations as people write them: `250ms`, `30s`, `5m`, `4h`, `2d`."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from config.refusals import refusal

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PATTERN = "^[0-9]{1,12}(ms|s|m|h|d)$"
_DURATION = re.compile("([0-9]{1,12})(ms|s|m|h|d)")

# Ours: ten years. Longer is a slip of the hand, and much longer would leave the calendar.
LONGEST = timedelta(days=3650)

REMEDY = "write a whole number and its unit, for example `250ms`, `30s`, `5m`, `4h` or `2d`"


def parse_duration(text: str) -> timedelta:
    """The duration that a text says; ValueError where it says none."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a duration")
    count, unit = int(found[1]), _UNITS[found[2]]
    if count > LONGEST // unit:
        raise ValueError(f"{text!r} is longer than {LONGEST.days} days")
    return count * unit


def format_duration(duration: timedelta) -> str:
    """The shortest spelling of a duration, in whole milliseconds: what `parse_duration` reads back."""
    for name in ("d", "h", "m", "s"):
        if duration and not duration % _UNITS[name]:
            return f"{duration // _UNITS[name]}{name}"
    return f"{duration // _UNITS['ms']}ms" if duration else "0s"


def _from_file(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise refusal("is not a duration", REMEDY)
    try:
        return parse_duration(value)
    except ValueError as error:
        raise refusal(str(error), REMEDY) from None


def _above_zero(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise refusal("must be longer than nothing", REMEDY)
    return value


_SCHEMA = WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["30s", "5m", "4h"]})
Duration = Annotated[timedelta, BeforeValidator(_from_file), _SCHEMA]
PositiveDuration = Annotated[timedelta, AfterValidator(_above_zero), BeforeValidator(_from_file), _SCHEMA]
