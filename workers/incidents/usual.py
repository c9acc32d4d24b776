"""What is usual for a brand at an hour of its week: learned hour by hour, the old slowly forgotten. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

WEEK_HOURS: Final = 168
# All ours, tuned on simulated traffic (`make bench ARGS=bursts`; other seeds than those it reports on).
LEARNED_HOURS: Final = 48  # with less the program has no baseline of a brand
_KEPT_A_WEEK: Final = 0.84  # an hour of the week counts half after four weeks
_PSEUDO_POSTS: Final = 10.0  # so many posts weigh as much as what coarser figures (day, week) say
_LEAST_A_WEEK: Final = 0.5  # of a brand that nobody has complained about yet
_NOISE: Final = 0.15  # the variance of a rate around the usual, as a share of its square, before anything is known
_NOISE_WEIGHT: Final = 50.0
_MOST_NOISE, _LEAST_NOISE = 1.5, 0.03
_MOST_DEVIATIONS: Final = 4.0
MOOD_HOURS: Final = 6
_MOOD_VOICES: Final = 3.0
LEAST_MOOD, _MOST_MOOD = 0.6, 30.0
_LEVEL_KEPT_AN_HOUR: Final = 0.5 ** (1 / 48)
_LEVEL_POSTS: Final = 5.0


class Hour(NamedTuple):
    """An hour of a brand: since 1970, complaining authors (each counted once a minute), posts of other kinds."""

    hour: int
    voices: int
    others: int


class Learned(msgspec.Struct):
    """What is kept of a brand's past. `since`, `until`: hours since 1970, the second not yet in it.

    By hour of the week: how many of them (the older the less), and what they held. `excess` and `squares`: how much
    hours vary around the usual. `found` and `expected`: the last two days against it.
    """

    since: int
    until: int
    weight: list[float]
    voices: list[float]
    others: list[float]
    excess: float = 0.0
    squares: float = 0.0
    found: float = 0.0
    expected: float = 0.0
    recent: list[tuple[float, float]] = []
    """Voices and the usual of the last seven hours."""

    @classmethod
    def nothing(cls, hour: int) -> "Learned":
        """Of a brand that is listened for since this hour."""
        return cls(hour, hour, [0.0] * WEEK_HOURS, [0.0] * WEEK_HOURS, [0.0] * WEEK_HOURS)


class Usual(NamedTuple):
    """A brand's usual week: what an hour of it holds, how much that varies, how the last two days compare."""

    zone: str
    voices: tuple[float, ...]
    others: tuple[float, ...]
    noise: float
    level: float
    odds: float
    """Complaining authors for each post of another kind."""

    def rates(self, minute: int) -> tuple[float, float]:
        """Voices and other posts that are usual in this minute (since 1970), between the hours about it."""
        place = _minute_of_week(minute, self.zone) / 60 - 0.5
        before = math.floor(place)
        share = place - before
        this, following = before % WEEK_HOURS, (before + 1) % WEEK_HOURS
        return (
            (self.voices[this] * (1 - share) + self.voices[following] * share) / 60,
            (self.others[this] * (1 - share) + self.others[following] * share) / 60,
        )


def learn(learned: Learned, hours: Iterable[Hour], until: int, skip: AbstractSet[int], usual: Usual) -> Learned:
    """Add the hours up to `until`; one that is not in `hours` held nothing, those of `skip` (a fire) teach nothing.

    `usual` is what follows from what is learned so far.
    """
    there: Mapping[int, Hour] = {hour.hour: hour for hour in hours}
    known = learned.until - learned.since >= LEARNED_HOURS
    found = Learned(
        learned.since, until, [*learned.weight], [*learned.voices], [*learned.others], learned.excess, learned.squares,
        learned.found, learned.expected, [*learned.recent],
    )  # fmt: skip
    for hour in range(learned.until, until):
        if hour in skip:
            continue
        slot = _minute_of_week(hour * 60, usual.zone) // 60
        voices, others = (float(there[hour].voices), there[hour].others) if hour in there else (0.0, 0)
        if known:
            expected = usual.voices[slot] * mood_of(found.recent[:MOOD_HOURS], _level(found))
            voices = min(voices, expected + _MOST_DEVIATIONS * math.sqrt(expected + usual.noise * expected**2) + 1)
            _compare(found, voices, usual.voices[slot], expected)
        found.weight[slot] = found.weight[slot] * _KEPT_A_WEEK + 1
        found.voices[slot] = found.voices[slot] * _KEPT_A_WEEK + voices
        found.others[slot] = found.others[slot] * _KEPT_A_WEEK + others
    return found


def _compare(learned: Learned, voices: float, usual: float, expected: float) -> None:
    """How far an hour was from what was expected of it. `voices` is cut: one wild hour, an angry person's or a bump
    that was no fire, must not be what is usual from then on."""
    kept = 1 - (1 - _KEPT_A_WEEK) / WEEK_HOURS
    learned.excess = learned.excess * kept + (voices - expected) ** 2 - expected
    learned.squares = learned.squares * kept + expected * expected
    learned.found = learned.found * _LEVEL_KEPT_AN_HOUR + voices
    learned.expected = learned.expected * _LEVEL_KEPT_AN_HOUR + usual
    learned.recent = [*learned.recent[-MOOD_HOURS:], (voices, usual)]


def mood_of(recent: Sequence[tuple[float, float]], level: float) -> float:
    """How found and usual voices compare, as far as there are enough to say; else as the last two days do."""
    found, usual = sum(one[0] for one in recent), sum(one[1] for one in recent)
    return min(_MOST_MOOD, max(LEAST_MOOD, (found + _MOOD_VOICES * level) / (usual + _MOOD_VOICES)))


def _level(learned: Learned) -> float:
    return (learned.found + _LEVEL_POSTS) / (learned.expected + _LEVEL_POSTS)


def usual_of(learned: Learned, zone: str) -> Usual:
    """The usual week that follows: each hour by itself as far as it is known, else as its hour of day and weekday."""
    voices = _smooth(learned.weight, learned.voices)
    others = _smooth(learned.weight, learned.others)
    noise = (learned.excess + _NOISE * _NOISE_WEIGHT) / (learned.squares + _NOISE_WEIGHT)
    odds = (sum(learned.voices) + 1) / (sum(learned.others) + 4)
    level = _level(learned)
    return Usual(zone, voices, others, min(_MOST_NOISE, max(_LEAST_NOISE, noise)), level, odds)


def _smooth(weight: list[float], found: list[float]) -> tuple[float, ...]:
    weeks = sum(weight)
    rate = (sum(found) + _LEAST_A_WEEK) / (weeks + WEEK_HOURS)
    if weeks > WEEK_HOURS / 2:
        rate = (sum(found) + _LEAST_A_WEEK) / weeks
    by_hour = [_factor([*range(hour, WEEK_HOURS, 24)], weight, found, rate) for hour in range(24)]
    by_day = [_factor([*range(day * 24, day * 24 + 24)], weight, found, rate) for day in range(7)]
    coarse = [rate * by_hour[slot % 24] * by_day[slot // 24] for slot in range(WEEK_HOURS)]
    return tuple(
        (found[slot] + _PSEUDO_POSTS) / (weight[slot] + _PSEUDO_POSTS / coarse[slot]) for slot in range(WEEK_HOURS)
    )


def _factor(slots: list[int], weight: list[float], found: list[float], rate: float) -> float:
    expected = sum(weight[slot] for slot in slots) * rate
    return (sum(found[slot] for slot in slots) + _PSEUDO_POSTS) / (expected + _PSEUDO_POSTS)


def _minute_of_week(minute: int, zone: str) -> int:
    return (minute + _offset(minute // 60, zone)) % (WEEK_HOURS * 60)


@lru_cache(maxsize=4096)
def _offset(hour: int, zone: str) -> int:
    """Minutes to add so that a week begins on Monday at midnight there (1 January 1970 was a Thursday)."""
    shift = datetime.fromtimestamp(hour * 3600, ZoneInfo(zone)).utcoffset()
    return 3 * 24 * 60 + (int(shift.total_seconds()) // 60 if shift else 0)
