"""When a brand burns: the burst rule over its minutes of complaints, in event time."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
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
    there, near = sorted(authors), sorted(touched)
    inside: Counter[str] = Counter()  # how many minutes of the window each author is in
    spans: list[Span] = []
    first = 0
    for end in there:
        inside.update(authors[end])
        while there[first] <= end - width:
            for author in authors[there[first]]:
                inside[author] -= 1
                if not inside[author]:
                    del inside[author]
            first += 1
        is_touched = bisect_right(near, end) > bisect_left(near, end - width + 1)
        if is_touched and len(inside) >= rule.authors:
            spans.append((there[first] * MINUTE_MS, (end + width + 1) * MINUTE_MS - 1))
    return merge_spans(spans)


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
