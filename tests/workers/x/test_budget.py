"""Limits in posts and dollars, by day and month; X's own count beside ours."""

from datetime import UTC, datetime
from typing import Any

import pytest

from workers.x.budget import Budget, Spent, month_of, seconds_until_next
from workers.x.usage import Comparison, compare, period_start, read_usage

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("budget", "day", "month", "left"),
    [
        (Budget(), Spent(10**6), Spent(10**7), None),
        (Budget(daily_posts=100), Spent(30), Spent(0), 70),
        (Budget(daily_posts=100, monthly_posts=1000), Spent(30), Spent(990), 10),
        (Budget(daily_posts=100), Spent(130), Spent(130), 0),
        (Budget(daily_usd=1.0), Spent(100), Spent(100), 100),
        (Budget(daily_usd=1.0, author_usd=0.010), Spent(50, 25), Spent(50, 25), 33),
        (Budget(monthly_usd=10.0), Spent(0), Spent(1999), 1),
        (Budget(monthly_usd=0.3, author_usd=0.010), Spent(), Spent(), 20),
    ],
)
def test_the_tightest_limit_says_what_is_left(budget: Budget, day: Spent, month: Spent, left: int | None) -> None:
    assert budget.left(day, month) == left


def test_a_limit_tells_itself_in_its_own_unit() -> None:
    limits = Budget(daily_posts=100, monthly_usd=10.0).limits(Spent(80), Spent(1900))
    assert [str(limit) for limit in limits] == [
        "$9.50 of the $10.00 a month (x.monthly_usd)", "80 of the 100 posts a day (x.daily_posts)",
    ]  # fmt: skip
    assert [limit.share for limit in limits] == [0.95, 0.8]


def test_days_and_months_end_at_midnight_utc() -> None:
    assert seconds_until_next("day", NOON) == 12 * 3600
    assert seconds_until_next("month", NOON) == (6 * 24 + 12) * 3600
    assert seconds_until_next("month", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)) == 1
    assert month_of({"2026-10-31": Spent(1), "2026-11-01": Spent(2, 1), "2026-11-30": Spent(4)}, "2026-11-24") == (6, 1)


@pytest.mark.parametrize("write", [str, int])
def test_xs_count_is_read_from_strings_and_numbers(write: Any) -> None:
    told = read_usage(
        {
            "cap_reset_day": 1, "project_cap": write(3_000_000), "project_usage": write(1234),
            "daily_project_usage": {"usage": [{"date": "2026-11-24T00:00:00.000Z", "usage": write(1234)}]},
        }
    )  # fmt: skip
    assert told == (3_000_000, 1234, 1, {"2026-11-24": 1234})
    assert read_usage({}) == (None, None, None, {})


def test_counts_are_compared_over_the_same_time() -> None:
    days = {"2026-10-30": Spent(5), "2026-11-02": Spent(100), "2026-11-24": Spent(50)}
    by_day = read_usage({"daily_project_usage": {"usage": [
        {"date": "2026-11-02T00:00:00.000Z", "usage": "100"}, {"date": "2026-11-24T00:00:00.000Z", "usage": "300"},
        {"date": "2026-10-30T00:00:00.000Z", "usage": "9"},
    ]}})  # fmt: skip
    assert compare(days, by_day, "2026-11-24") == Comparison("2026-11-01", 150, 400)
    assert compare(days, read_usage({"project_usage": 160, "cap_reset_day": 1}), "2026-11-24") == Comparison(
        "2026-11-01", 150, 160
    )
    young = {"2026-11-23": Spent(7), "2026-11-24": Spent(50)}
    assert compare(young, by_day, "2026-11-24") == Comparison("2026-11-24", 50, 300)
    assert compare({}, by_day, "2026-11-24") is None
    assert compare({"2026-11-24": Spent(50)}, by_day, "2026-11-24") is None


@pytest.mark.parametrize(
    ("ours", "by_x", "matters"), [(1000, 1090, False), (1000, 1200, True), (10_000, 10_400, False), (1000, 700, True)]
)
def test_a_delay_is_no_difference(ours: int, by_x: int, matters: bool) -> None:
    assert Comparison("2026-11-01", ours, by_x).matters == matters


def test_xs_month_may_begin_on_any_day() -> None:
    assert period_start(1, "2026-11-24") == "2026-11-01"
    assert period_start(25, "2026-11-24") == "2026-10-25"
    assert period_start(31, "2026-01-05") == "2025-12-28"
    assert period_start(None, "2026-11-01") == "2026-11-01"
