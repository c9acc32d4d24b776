"""`burst: auto` on simulated years: fires found, few false alarms. `make bench ARGS=bursts` has more."""

import pytest

from tests.bench.bursts import own_baseline, score
from tests.bench.crises import FIRST_MINUTE, SIZES, Size, Year, make_year
from workers.incidents.burst import Minute

SEEDS = (31, 32)  # neither tuned on nor reported


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: size.name)
def test_fires_are_found_and_bumps_are_not(size: Size) -> None:
    scores = [score(year, own_baseline(year)) for year in (make_year(size, seed) for seed in SEEDS)]
    fires = sum(one.fires for one in scores)
    assert fires == 14
    assert sum(len(one.leads) for one in scores) >= 0.8 * fires
    assert sum(one.false for one in scores) / sum(one.weeks for one in scores) < 0.2  # the limit: 1


def test_three_posts_a_week_are_left_in_peace() -> None:
    """The whole of a quiet year, also where all three of a week come within three minutes."""
    minutes = {}
    for week in range(52):
        for place in range(3):
            minute = FIRST_MINUTE + week * 10_080 + (place if week % 2 else place * 3_000)
            minutes[minute] = Minute({f"{week}-{place}": f"{week}-{place}"}, 0)
    assert own_baseline(Year(SIZES[0], minutes)) == []
