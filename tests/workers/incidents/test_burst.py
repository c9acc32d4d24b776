"""The burst rule over minutes: the same minutes give the same spans, in whatever order they came."""

import random
from datetime import timedelta

import pytest

from config.brands import Burst
from workers.incidents.burst import (
    MINUTE_MS,
    held_spans,
    merge_spans,
    overlaps,
    seconds_hold,
    straddled,
    window_minutes,
)

RULE = Burst(authors=20, within=timedelta(minutes=10))


def minutes(*counts: int, first: int = 100) -> dict[int, set[str]]:
    """So many distinct authors in each minute from `first` on."""
    return {first + i: {f"{i}-{n}" for n in range(count)} for i, count in enumerate(counts) if count}


def spans_of(authors: dict[int, set[str]], rule: Burst = RULE) -> list[tuple[int, int]]:
    return [(a // MINUTE_MS, (b + 1) // MINUTE_MS) for a, b in held_spans(authors, set(authors), rule)]


@pytest.mark.parametrize(
    ("counts", "want"),
    [
        ([19], []),
        ([20], [(100, 111)]),
        ([10, 10], [(100, 112)]),
        ([10, 0, 0, 0, 0, 0, 0, 0, 0, 10], [(100, 120)]),  # just within ten minutes
        ([10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10], []),  # just not
        ([2] * 9, []),
        ([2] * 10, [(100, 120)]),
        ([20, *[0] * 30, 20], [(100, 111), (131, 142)]),
    ],
)
def test_spans(counts: list[int], want: list[tuple[int, int]]) -> None:
    assert spans_of(minutes(*counts)) == want


def test_the_same_author_counts_once() -> None:
    assert spans_of({100 + i: {"angry"} for i in range(10)}) == []


def test_only_windows_that_were_touched_are_judged() -> None:
    authors = minutes(20, *[0] * 30, 20)
    assert len(held_spans(authors, {131}, RULE)) == 1


def test_order_does_not_matter() -> None:
    chance = random.Random(3)
    for _ in range(50):
        authors = minutes(*(chance.choice([0, 0, 1, 3, 6]) for _ in range(60)))
        whole = held_spans(authors, set(authors), RULE)
        known: dict[int, set[str]] = {}
        spans: list[tuple[int, int]] = []
        for minute in chance.sample(sorted(authors), len(authors)):
            known[minute] = authors[minute]
            spans = merge_spans([*spans, *held_spans(known, {minute}, RULE)])
        assert spans == whole


def test_a_window_is_whole_minutes() -> None:
    assert window_minutes(Burst(authors=1, within=timedelta(minutes=1))) == 1
    assert window_minutes(RULE) == 10


@pytest.mark.parametrize(
    ("counts", "want"),
    [
        ([10, *[0] * 9, 10], [110]),  # within ten minutes and some seconds, or within eleven: the minutes can't tell
        ([10, *[0] * 10, 10], []),
        ([10, *[0] * 9, 9], []),
        ([20, *[0] * 9, 20], []),  # held by what is in each already, and so is all between
    ],
)
def test_windows_that_only_the_seconds_can_judge(counts: list[int], want: list[int]) -> None:
    authors = minutes(*counts)
    assert straddled(authors, set(authors), RULE, held_spans(authors, set(authors), RULE)) == want
    assert straddled(authors, {90, 130}, RULE, []) == []


def test_seconds() -> None:
    rule = Burst(authors=3, within=timedelta(minutes=1))
    assert seconds_hold({"a": 58_000}, set(), {"b": 60_000, "c": 61_000}, rule)
    assert seconds_hold({"a": 1_000}, set(), {"b": 60_000, "c": 61_000}, rule)
    assert not seconds_hold({"a": 999}, set(), {"b": 60_000, "c": 61_000}, rule)
    assert not seconds_hold({"a": 58_000}, set(), {"a": 60_000, "c": 61_000}, rule)
    assert seconds_hold({}, {"a", "b"}, {"c": 61_000}, rule)


def test_overlap() -> None:
    assert overlaps((0, 10), [(10, 20)])
    assert not overlaps((0, 9), [(10, 20)])
