"""`burst: auto` as a table: what is usual, what is found, what is a bump and no fire. Pure, in event time."""

import random

import pytest
from scipy.stats import nbinom

from workers.incidents.auto import CALM_MINUTES, LEAST_VOICES, Evidence, judge, suspicious, tail
from workers.incidents.burst import MINUTE_MS, Minute
from workers.incidents.burst_words import by_baseline, new_words
from workers.incidents.usual import WEEK_HOURS, Hour, Learned, Usual, learn, usual_of

MONDAY = 29_005_920  # a Monday's midnight in UTC, in minutes since 1970
QUIET = 0.003  # complaints an hour: about three posts a week, a sixth of which complain
LIVELY, BUSY = 0.4, 40.0


def usual(rate: float, others: float = 0.0, zone: str = "UTC") -> Usual:
    """A week in which every hour is alike."""
    odds = (rate + 0.01) / (others + 0.01)
    return Usual(zone, (rate,) * WEEK_HOURS, (others,) * WEEK_HOURS, noise=0.2, level=1.0, odds=odds)


def crowd(*counts: int, first: int = MONDAY, others: int = 0, name: str = "p") -> dict[int, Minute]:
    """So many people complain in each minute, nobody twice."""
    return {
        first + i: Minute({f"{name}{i}-{n}": f"t{i}-{n}" for n in range(count)}, others)
        for i, count in enumerate(counts)
        if count or others
    }


def burns(minutes: dict[int, Minute], week: Usual) -> list[Evidence]:
    return [held.evidence for held in judge(minutes, set(minutes), week, [])]


@pytest.mark.parametrize(
    ("rate", "counts", "want"),
    [
        (QUIET, [3], False),  # three posts at once, of a brand with three posts a week
        (QUIET, [1, *[0] * 50, 1, *[0] * 50, 1], False),
        (QUIET, [2, 1, 2], True),
        (LIVELY, [3], False),
        (LIVELY, [1, 0, 2, 1, 3, 2, 4], True),
        (BUSY, [3] * 15, False),  # four times the usual, for a quarter of an hour
        (BUSY, [12] * 15, True),
        (BUSY, [30], True),
    ],
)
def test_what_is_a_fire_depends_on_the_brand(rate: float, counts: list[int], want: bool) -> None:
    minutes = crowd(*counts)
    # Before it all is as usual: so many an hour, one a minute at most.
    step = round(60 / rate) if rate >= 1 else 0
    minutes |= {MONDAY - n: Minute({f"u{n}": f"u{n}"}, 0) for n in (range(1, 420, max(1, step)) if step else ())}
    assert bool(burns(minutes, usual(rate))) == want


def test_one_angry_person_is_one() -> None:
    minutes = {MONDAY + i: Minute({"angry": f"text {i}"}, 0) for i in range(90)}
    assert not burns(minutes, usual(QUIET))


def test_copies_are_people_and_are_told_as_copies() -> None:
    minutes = {MONDAY + i: Minute({f"p{i}": "same"}, 0) for i in range(20)}
    (evidence,) = burns(minutes, usual(QUIET))
    assert evidence.copies == evidence.authors


def test_where_all_is_said_more_often_complaints_are_too() -> None:
    """Television: everybody speaks of the brand, as they always do; a fire: they complain."""
    week = usual(rate=2.0, others=10.0)
    television = crowd(*[1] * 10, others=5)
    fire = crowd(*[3] * 10, others=2)
    assert not burns(television, week)
    assert burns(fire, week)


def test_a_bad_day_is_allowed_for() -> None:
    """The last six hours are the mood of the day: what goes on as it was is no news."""
    rate = usual(6.0)
    hours = {MONDAY - 500 + i: Minute({f"h{i}": f"h{i}"}, 0) for i in range(0, 500, 2)}  # 30 an hour for eight hours
    now = crowd(*[1] * 30)
    assert burns(now, rate)
    later = {minute: found for minute, found in (hours | now).items() if minute > MONDAY - 60}
    assert not [held for held in judge(hours | now, set(later), rate, []) if held.evidence.end > MONDAY - 60]


def test_batches_make_no_difference_in_order() -> None:
    chance = random.Random(5)
    minutes = crowd(*(chance.choice([0, 0, 0, 1, 4]) for _ in range(240)))
    whole = [held.span for held in judge(minutes, set(minutes), usual(LIVELY), [])]
    known: dict[int, Minute] = {}
    spans: list[tuple[int, int]] = []
    from workers.incidents.burst import merge_spans

    for minute in sorted(minutes):
        known[minute] = minutes[minute]
        spans = merge_spans([*spans, *(held.span for held in judge(known, {minute}, usual(LIVELY), spans))])
    assert spans == whole
    assert spans


def test_it_ends_an_hour_after_it_last_held() -> None:
    (held,) = judge(crowd(6), {MONDAY}, usual(QUIET), [])
    assert held.span[1] == (MONDAY + CALM_MINUTES + 1) * MINUTE_MS - 1


def test_the_quick_look_never_hides_what_holds() -> None:
    chance = random.Random(7)
    for _ in range(200):
        rate = chance.choice([QUIET, LIVELY, BUSY])
        minutes = crowd(*(chance.choice([0, 0, 1, 2, 9]) for _ in range(chance.randrange(1, 40))))
        if minutes and burns(minutes, usual(rate)):
            assert suspicious(minutes, set(minutes), usual(rate))


@pytest.mark.parametrize(("count", "mean", "noise"), [(4, 0.01, 0.2), (40, 12, 0.5), (300, 120, 0.1), (5, 9, 0.3)])
def test_the_tail_is_the_negative_binomials(count: int, mean: float, noise: float) -> None:
    want = nbinom.sf(count - 1, 1 / noise, 1 / (1 + noise * mean)) if count > mean else 1.0
    assert tail(count, mean, noise) == pytest.approx(want, rel=1e-3)


class TestUsual:
    def test_an_hour_of_the_week_is_learned_in_the_brands_zone(self) -> None:
        learned = Learned.nothing(MONDAY // 60)
        hours = [Hour(MONDAY // 60 + h, 30 if (h + 9) % 24 == 9 else 1, 5) for h in range(6 * WEEK_HOURS)]
        zone = "Asia/Tokyo"
        learned = learn(learned, hours, MONDAY // 60 + 6 * WEEK_HOURS, set(), usual_of(learned, zone))
        week = usual_of(learned, zone)
        assert week.voices[9] > 15 > 3 > week.voices[15]
        at_nine = MONDAY + 6 * 7 * 1440 + 30  # half past nine in the morning in Tokyo
        assert week.rates(at_nine)[0] * 60 == pytest.approx(week.voices[9])

    def test_little_known_is_close_to_the_whole(self) -> None:
        learned = Learned.nothing(MONDAY // 60)
        hours = [Hour(MONDAY // 60 + 5, 1, 0)]
        learned = learn(learned, hours, MONDAY // 60 + WEEK_HOURS, set(), usual_of(learned, "UTC"))
        week = usual_of(learned, "UTC")
        assert max(week.voices) < 3 * min(week.voices)

    def test_a_fire_teaches_nothing(self) -> None:
        start = MONDAY // 60
        hours = [Hour(start + h, 500 if h == 30 else 1, 3) for h in range(WEEK_HOURS)]
        nothing = Learned.nothing(start)
        calm = learn(nothing, hours, start + WEEK_HOURS, {start + 30}, usual_of(nothing, "UTC"))
        assert sum(calm.voices) == WEEK_HOURS - 1

    def test_daylight_saving_moves_the_hours(self) -> None:
        from datetime import datetime
        from zoneinfo import ZoneInfo

        week = usual(1.0, zone="Europe/Berlin")
        week = week._replace(voices=tuple(float(h % 24 == 9) for h in range(WEEK_HOURS)))
        for day in ("2026-03-23", "2026-03-30"):  # before and after the change of 29 March
            moment = datetime.fromisoformat(f"{day}T09:30").replace(tzinfo=ZoneInfo("Europe/Berlin"))
            assert week.rates(int(moment.timestamp()) // 60)[0] == pytest.approx(1 / 60)


def test_reasons_are_in_the_readers_language() -> None:
    evidence = Evidence(MONDAY + 14 * 60, 15, 12, 12, 0.4, 1.6, 3, 0.2, 5)
    english, japanese = (by_baseline(lang, "acme", "Asia/Tokyo", evidence) for lang in ("en", "ja"))
    assert english[0].startswith("12 people complained within 15 minutes; usual for acme on Monday about 23:00 is less")
    assert "80 %" in english[2]
    assert japanese[0] == "15分以内に12人が苦情を投稿(acmeの月曜23時台は通常1人未満)"
    assert len(english) == len(japanese)


def test_words_that_nobody_said_before() -> None:
    before = ["アクメの配送が遅い", "slow delivery again"] * 10
    now = [("a", "充電器が発火した"), ("b", "アクメの充電器 発火"), ("c", "発火って本当? smoke"), ("d", "遅い")]
    assert new_words(now, before) == ["発火"]
    assert new_words(now, before[:5]) == []  # too little is known of before
    assert LEAST_VOICES > 3
