"""When a brand burns: the burst rule over its minutes of complaints, in event time."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Final, NamedTuple

from config.brands import Burst
from workers.incidents.model import Millis

MINUTE_MS: Final = 60_000
MAX_AUTHORS_A_MINUTE: Final = 256  # ours: enough for any rule, and bounds a minute's row at 2 KiB

Span = tuple[Millis, Millis]


class Minute(NamedTuple):
    """A brand's minute: who complained (a hash of the author -> one of the text), how many posts of other kinds."""

    voices: Mapping[str, str]
    others: int


def window_minutes(rule: Burst) -> int:
    """The rule's `within` in whole minutes, at least one: minutes are what is stored."""
    return max(1, -(-rule.within // timedelta(minutes=1)))


def held_spans(authors: Mapping[int, AbstractSet[str]], touched: AbstractSet[int], rule: Burst) -> list[Span]:
    """Where the rule holds, as spans of event time: [start of the window, M minutes after it last held].

    `authors` are the distinct complaining authors by minute, of at least the touched minutes and a window on either
    side. Only windows that a touched minute is part of are judged: the others were judged when they were touched.
    The same minutes give the same spans in whatever order they came.
    """
    width = window_minutes(rule)
    windows = _windows(authors, touched, width)
    return merge_spans([span_of(first, end, rule) for first, end, people in windows if people >= rule.authors])


def straddled(
    authors: Mapping[int, AbstractSet[str]], touched: AbstractSet[int], rule: Burst, held: Sequence[Span]
) -> list[int]:
    """The last minutes of windows in which only the seconds tell whether the rule holds, beyond what is held.

    A window begins within a minute, and then it has a part of one minute more: there are enough people in these.
    """
    width = window_minutes(rule)
    return [
        end
        for first, end, people in _windows(authors, touched, width + 1)
        if people >= rule.authors
        and end - first == width
        and not any(start <= first * MINUTE_MS and end * MINUTE_MS <= stop for start, stop in held)
    ]


def seconds_hold(
    first: Mapping[str, Millis], between: AbstractSet[str], last: Mapping[str, Millis], rule: Burst
) -> bool:
    """Whether the rule holds somewhere from within one minute to within another, given who complained between them.

    `first`: when each author complained last in the first minute; `last`: when first in the last one.
    """
    reach = window_minutes(rule) * MINUTE_MS
    return any(
        len(
            between
            | {author for author, at in first.items() if at >= moment - reach}
            | {author for author, at in last.items() if at <= moment}
        )
        >= rule.authors
        for moment in set(last.values())
    )


def span_of(first: int, end: int, rule: Burst) -> Span:
    """What a window of these minutes holds: until M minutes after it."""
    return first * MINUTE_MS, (end + window_minutes(rule) + 1) * MINUTE_MS - 1


def _windows(
    authors: Mapping[int, AbstractSet[str]], touched: AbstractSet[int], width: int
) -> Iterator[tuple[int, int, int]]:
    """Each window of so many minutes that a touched one is part of: its first and last with people, and how many."""
    there, near = sorted(authors), sorted(touched)
    inside: Counter[str] = Counter()  # how many minutes of the window each author is in
    first = 0
    for end in there:
        inside.update(authors[end])
        while there[first] <= end - width:
            for author in authors[there[first]]:
                inside[author] -= 1
                if not inside[author]:
                    del inside[author]
            first += 1
        if bisect_right(near, end) > bisect_left(near, end - width + 1):
            yield there[first], end, len(inside)


def merge_spans(spans: Sequence[Span]) -> list[Span]:
    """Spans that overlap or touch become one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def overlaps(span: Span, spans: Sequence[Span]) -> bool:
    """Whether the span shares a moment with any of the others."""
    return any(span[0] <= end and start <= span[1] for start, end in spans)


def within(moment: Millis, spans: Sequence[Span]) -> bool:
    """Whether the moment lies in one of the spans."""
    return any(start <= moment <= end for start, end in spans)
