"""Query parameters as X reads them: a value out of bounds is a 400 that names its parameter."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from workers.simulator.problems import Problem, invalid

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
VIEW: Final = (
    "tweet.fields",
    "post.fields",
    "user.fields",
    "media.fields",
    "poll.fields",
    "place.fields",
    "expansions",
)


class ParameterError(Exception):
    """The request can't be taken; `problem` is the answer."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.body["detail"])
        self.problem = problem


def refuse(parameter: str, message: str, value: str = "") -> ParameterError:
    """400 that names the parameter."""
    return ParameterError(invalid(parameter, message, value))


def only(query: Mapping[str, str], known: Iterable[str]) -> None:
    """Raise where a parameter is none that X knows here."""
    known = [*known, *VIEW]
    for name in query:
        if name not in known:
            raise refuse(name, f"The query parameter [{name}] is not one of [{','.join(known)}]")


def number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number between two bounds."""
    text = query.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
        raise refuse(name, f"The `{name}` query parameter value [{text}] is not between {least} and {most}", text)
    return int(text)


def identifier(query: Mapping[str, str], name: str) -> int | None:
    """A post's id."""
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise refuse(name, f"The `{name}` query parameter value [{text}] is not valid", text)
    return int(text)


def moment(query: Mapping[str, str], name: str) -> datetime | None:
    """A time, in UTC with Z."""
    text = query.get(name)
    if text is None:
        return None
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        pass
    raise refuse(name, f"The `{name}` query parameter value [{text}] is not a time like 2026-04-01T00:00:00Z", text)
