"""Durations: what is one, what isn't, and that each spelling comes back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("4h", timedelta(hours=4)),
        ("2d", timedelta(days=2)),
        ("0s", timedelta()),
        (" 05m ", timedelta(minutes=5)),
        ("3650d", LONGEST),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "m",
        "5 m",
        "5min",
        "-5m",
        "1.5h",
        "1h30m",
        "5M",
        "５m",
        "5分",
        "3651d",
        "999999999999d",
        "1e3s",
        "5m\n5m",
    ],
)
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        parse_duration(text)


@given(st.timedeltas(timedelta(), LONGEST))
def test_what_is_formatted_is_read_back_to_the_millisecond(duration: timedelta) -> None:
    whole = duration - duration % timedelta(milliseconds=1)
    assert parse_duration(format_duration(whole)) == whole


@given(st.integers(0, 3650), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_the_shortest_spelling(count: int, unit: str) -> None:
    text = f"{count}{unit}"
    assert len(format_duration(parse_duration(text))) <= len(text)
