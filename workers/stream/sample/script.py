"""What the sample's people write and when: the same for every run, counted from when the store was first run."""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import yaml

_POSTS: Final = Path(__file__).parent / "posts.yaml"

EPISODE: Final = timedelta(seconds=90)
_QUIET_EVERY: Final = timedelta(seconds=210)
_FLARE_EVERY: Final = timedelta(minutes=30)
_FLARE_POSTS: Final = 4
_FLARE_SPACING: Final = timedelta(seconds=25)


class Line(NamedTuple):
    """One post of the script: when, what, by whom, and what it passes on, quotes or answers."""

    at: datetime
    text: str
    lang: Literal["ja", "en"]
    person: int
    followers: int
    kind: Literal["post", "retweet", "quote", "reply"] = "post"
    of: "Line | None" = None


def script(started_at: datetime, *, episode_alone: bool = False) -> Iterator[Line]:
    """Every post in order of time: the crisis, then for ever quiet traffic and a flare every half hour."""
    started_at = started_at.replace(microsecond=started_at.microsecond // 1000 * 1000)  # an id holds milliseconds
    crisis = _crisis(started_at)
    if episode_alone:
        return iter(crisis)
    return heapq.merge(crisis, _quiet(started_at + EPISODE), _flares(started_at), key=lambda line: line.at)


@cache
def _texts() -> dict[str, Any]:
    texts: dict[str, Any] = yaml.safe_load(_POSTS.read_text(encoding="utf-8"))
    return texts


def display_name(line: Line) -> str:
    """What the writer is called."""
    names: list[str] = _texts()["people"][line.lang]
    return names[line.person % len(names)]


def _crisis(started_at: datetime) -> list[Line]:
    lines: list[Line] = []
    named: dict[str, Line] = {}
    for person, post in enumerate(_texts()["crisis"]):
        of = named.get(post.get("of", ""))
        kind = post.get("kind", "post")
        text, lang = (of.text, of.lang) if kind == "retweet" and of else (post["text"], post["lang"])
        line = Line(
            started_at + timedelta(seconds=post["at"]), text, lang, person, _followers(person), kind=kind, of=of
        )
        lines.append(line)
        if "name" in post:
            named[post["name"]] = line
    return lines


def _quiet(began: datetime) -> Iterator[Line]:
    posts = _texts()["quiet"]
    for number in count():
        post = posts[number % len(posts)]
        # Not to the second: people don't post by the clock.
        at = began + _QUIET_EVERY * (number + 1) + timedelta(seconds=number * 47 % 90)
        person = 100 + number % 60
        yield Line(at, post["text"], post["lang"], person, post.get("followers") or _followers(person))


def _flares(started_at: datetime) -> Iterator[Line]:
    posts = _texts()["flare"]
    for number in count():
        post = posts[number % len(posts)]
        flare, place = divmod(number, _FLARE_POSTS)
        at = started_at + _FLARE_EVERY * (flare + 1) + _FLARE_SPACING * place
        person = 200 + number % 40
        yield Line(at, post["text"], post["lang"], person, _followers(person))


def _followers(person: int) -> int:
    """Some have more followers than others; none of them so many that it matters."""
    return 20 + person * 131 % 900
