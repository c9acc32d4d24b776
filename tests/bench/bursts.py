"""Bursts on simulated crises: how many are found, how soon, and how often it cries wolf, beside two usual rules.

Run by hand: python -m tests.bench bursts. The seeds reported here are not those that the rule was tuned on.
"""

import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from tests.bench.crises import DAY, FIRST_MINUTE, REPORTING_SEEDS, SIZES, YEAR_DAYS, Size, Year, make_year
from workers.incidents import auto
from workers.incidents.baseline import fire_hours
from workers.incidents.burst import Minute, Span, merge_spans, overlaps
from workers.incidents.usual import LEARNED_HOURS, Hour, Learned, learn, usual_of

_AFTER_MINUTES: Final = 360  # an alarm so long after a fire is still about it
_SPACING_MINUTES: Final = 360  # the other rules alarm once for so long
_PEAK_DAYS: Final = 14  # Huginn's PeakDetectorAgent, its defaults: 14 days, 3 deviations, 4 values at least
_PEAK_DEVIATIONS: Final = 3.0
_RATIO, _RATIO_LEAST = 3.0, 5
_YEARS: Final = {SIZES[2].name: 1}  # of the busiest one is enough: it has 1.8 million posts


class Score(NamedTuple):
    """How a rule did on some years of brands of one size."""

    fires: int
    leads: list[int]
    false: int
    weeks: float


def own_baseline(year: Year) -> list[int]:
    """When `burst: auto` would have opened a burst: the program's own functions, day by day."""
    days: defaultdict[int, dict[int, Minute]] = defaultdict(dict)
    hours: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for minute, found in year.minutes.items():
        days[minute // DAY][minute] = found
        hours[minute // 60][0] += len(found.voices)
        hours[minute // 60][1] += found.others
    learned, spans, opened = Learned.nothing(FIRST_MINUTE // 60), list[Span](), list[int]()
    for day in sorted(days):
        begins = day * DAY // 60
        past = [Hour(h, *hours[h]) for h in range(learned.until, begins) if h in hours]
        learned = learn(learned, past, begins, fire_hours(spans), usual_of(learned, "UTC"))
        touched = {minute for minute, found in days[day].items() if found.voices}
        if not touched or begins - learned.since < LEARNED_HOURS:
            continue
        for held in auto.judge(days[day - 1] | days[day], touched, usual_of(learned, "UTC"), spans):
            if not overlaps(held.span, spans):
                opened.append(held.evidence.end + 1)
            spans = merge_spans([*spans, held.span])
    return opened


def three_deviations(year: Year) -> list[int]:
    """More complaints in the last hour than the mean of the two weeks before and three deviations (Huginn's rule)."""
    times = _times(year)
    alarms: list[int] = []
    width = _PEAK_DAYS * 24
    for hour in range(FIRST_MINUTE // 60 + width, FIRST_MINUTE // 60 + YEAR_DAYS * 24):
        ends = range(hour * 60 + 1, hour * 60 + 61)
        if _count(times, ends[0] - 60, ends[-1]) < 2:
            continue
        before = [_count(times, h * 60, h * 60 + 60) for h in range(hour - width, hour)]
        most = statistics.fmean(before) + _PEAK_DEVIATIONS * statistics.pstdev(before)
        if sum(count > 0 for count in before) >= 4:
            _alarm(alarms, (end for end in ends if _count(times, end - 60, end) > most))
    return alarms


def hour_against_day(year: Year) -> list[int]:
    """Three times as many complaints in the last hour as in a usual hour of the last 24, and five at least."""
    times = _times(year)
    alarms: list[int] = []
    for minute in range(FIRST_MINUTE + DAY, FIRST_MINUTE + YEAR_DAYS * DAY):
        hour = _count(times, minute - 60, minute)
        if hour >= _RATIO_LEAST and hour >= _RATIO * _count(times, minute - DAY, minute - 60) / 23:
            _alarm(alarms, [minute])
    return alarms


RULES: Final[Mapping[str, Callable[[Year], list[int]]]] = {
    "burst: auto": own_baseline,
    "mean + 3σ (Huginn)": three_deviations,
    "1 h against 24 h": hour_against_day,
}


def score(year: Year, alarms: Sequence[int]) -> Score:
    """A fire is found by an alarm from its beginning to its end; an alarm far from any fire is false."""
    leads, about = [], set()
    for fire in year.fires:
        inside = [at for at in alarms if fire.onset <= at <= fire.end]
        about |= {at for at in alarms if fire.onset <= at <= fire.end + _AFTER_MINUTES}
        if inside:
            leads.append(min(inside) - fire.onset)
    return Score(len(year.fires), leads, len(set(alarms) - about), YEAR_DAYS / 7)


def measure(size: Size, seeds: Sequence[int]) -> dict[str, Score]:
    """Each rule on a year of each seed."""
    total = {name: Score(0, [], 0, 0) for name in RULES}
    for seed in seeds:
        year = make_year(size, seed)
        for name, rule in RULES.items():
            one, so_far = score(year, rule(year)), total[name]
            total[name] = Score(
                so_far.fires + one.fires,
                so_far.leads + one.leads,
                so_far.false + one.false,
                so_far.weeks + one.weeks,
            )
    return total


def main() -> None:
    """Print the table."""
    print("Bursts on simulated crises: a year of each brand, 7 fires and 9 bumps that are none; seeds not tuned on")
    print("| rule | posts | fires | found | median lead, min | 9 of 10 within | false alarms per brand and week |")
    print("|---|---|---|---|---|---|---|")
    for size in SIZES:
        found = measure(size, REPORTING_SEEDS[: _YEARS.get(size.name, len(REPORTING_SEEDS))])
        for name, one in found.items():
            print(_row(name, size.name, one), flush=True)


def _row(name: str, size: str, one: Score) -> str:
    leads = sorted(one.leads)
    median = f"{statistics.median(leads):.0f}" if leads else "-"
    most = str(leads[int(len(leads) * 0.9)]) if leads else "-"
    share = len(leads) / one.fires
    return f"| {name} | {size} | {one.fires} | {share:.0%} | {median} | {most} | {one.false / one.weeks:.3f} |"


def _times(year: Year) -> list[int]:
    return [minute for minute in sorted(year.minutes) for _ in year.minutes[minute].voices]


def _count(times: Sequence[int], first: int, end: int) -> int:
    """Complaints from `first` on and before `end`."""
    return bisect_left(times, end) - bisect_left(times, first)


def _alarm(alarms: list[int], moments: Iterable[int]) -> None:
    """The first of these moments, unless an alarm has just been."""
    moment = next(iter(moments), None)
    if moment is not None and (not alarms or moment - alarms[-1] >= _SPACING_MINUTES):
        alarms.append(moment)
