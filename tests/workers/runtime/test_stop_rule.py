"""The stop rule as a table."""

import pytest

from workers.runtime.stop_rule import Standing, StopRule, judge


@pytest.mark.parametrize(
    ("in_a_row", "failed", "handled", "stops"),
    [
        (0, 0, 0, False),
        (49, 49, 49, False),
        (50, 50, 50, True),
        (1, 49, 100, False),  # half of them, but fewer than 50
        (1, 50, 1000, True),  # 5 % exactly
        (1, 50, 1001, False),  # just under
        (50, 50, 10_000_000, True),  # in a row counts by itself
        (0, 5000, 10_000_000, False),
    ],
)
def test_the_rule(in_a_row: int, failed: int, handled: int, stops: bool) -> None:
    assert (judge(Standing(in_a_row, failed, handled)) is not None) is stops


def test_a_success_breaks_the_row() -> None:
    rule = StopRule()
    for _ in range(3):
        for _ in range(49):
            rule.failed(0)
        rule.succeeded(2000, 0)
    assert rule.verdict(0) is None


def test_after_five_minutes_failures_are_forgotten() -> None:
    rule = StopRule()
    for _ in range(40):
        rule.failed(0)
    rule.succeeded(10, 0)
    for _ in range(20):
        rule.failed(311)
    assert rule.standing(311) == Standing(20, 20, 20)
    assert rule.verdict(311) is None


def test_it_goes_on_from_what_a_letter_said() -> None:
    before, after = StopRule(), StopRule()
    for _ in range(30):
        before.failed(0)
    after.restore(before.standing(0), 0)
    for _ in range(20):
        after.failed(60)
    assert after.verdict(60) is not None
    after.reset()
    assert after.standing(60) == Standing(0, 0, 0)
