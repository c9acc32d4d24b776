"""A synthetic year of a brand on X: daily and weekly rhythm, moods and growth, fires, and bumps that are none."""

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.incidents.burst import Minute

DAY, WEEK = 1440, 7 * 1440
YEAR_DAYS: Final = 364
FIRST_MINUTE: Final = 29_000_160  # 20 February 2025, midnight UTC: any day will do
QUIET_WEEKS: Final = 2  # nothing is injected before: the program learns
TUNING_SEEDS: Final = (11, 12, 13)
REPORTING_SEEDS: Final = (2101, 2102, 2103, 2104)


class Size(NamedTuple):
    """A brand's size: posts a day, and how many people a fire of it and a bump of it bring."""

    name: str
    posts_a_day: float
    fire: tuple[float, float]
    bump: tuple[float, float]


SIZES: Final = (
    Size("3 a week", 3 / 7, (12, 80), (15, 100)),
    Size("50 a day", 50, (25, 250), (40, 300)),
    Size("5,000 a day", 5_000, (400, 4_000), (1_000, 6_000)),
)


class Fire(NamedTuple):
    """An injected crisis: when it began and when it was over (minutes)."""

    onset: int
    end: int
    people: int


@dataclass
class Year:
    """A brand's year: its minutes, its fires, and what else was put in."""

    size: Size
    minutes: dict[int, Minute] = field(default_factory=dict)
    fires: list[Fire] = field(default_factory=list)
    bumps: list[tuple[str, int]] = field(default_factory=list)


class _Making:
    """The minutes of a year while they are put together."""

    def __init__(self, chance: np.random.Generator) -> None:
        self.chance = chance
        self.voices: defaultdict[int, dict[str, str]] = defaultdict(dict)
        self.others: defaultdict[int, int] = defaultdict(int)
        self.names = itertools.count()

    def complain(self, minute: int, author: str | None = None, text: str | None = None) -> None:
        number = next(self.names)
        self.voices[minute].setdefault(author or f"a{number}", text or f"t{number}")

    def add_others(self, minute: int, count: int = 1) -> None:
        if count:
            self.others[minute] += count


def make_year(size: Size, seed: int, days: int = YEAR_DAYS) -> Year:
    """The same seed gives the same year."""
    chance = np.random.default_rng([seed, round(size.posts_a_day * 7)])
    making, year = _Making(chance), Year(size)
    share = chance.uniform(0.12, 0.3)
    rate = _rhythm(chance, days) * size.posts_a_day / DAY
    hours = chance.gamma(12, 1 / 12, days * 24).repeat(60)
    complaints = chance.poisson(rate * share * hours * chance.gamma(12, 1 / 12, days * 24).repeat(60))
    regulars = max(3, round(size.posts_a_day / 4))
    for minute, count in enumerate(complaints.tolist(), FIRST_MINUTE):
        for _ in range(count):
            making.complain(minute, f"r{chance.integers(regulars)}" if chance.random() < 0.15 else None)
    others = chance.poisson(rate * (1 - share) * hours)
    for minute, count in enumerate(others.tolist(), FIRST_MINUTE):
        making.add_others(minute, count)
    moments = _moments(chance, days)
    for number, moment in enumerate(moments):
        if number % 16 < 7:
            year.fires.append(_fire(making, size, moment))
        else:
            kind = ("campaign", "television", "copies", "angry")[number % 4]
            year.bumps.append((kind, moment))
            _BUMPS[kind](making, size, moment, share)
    year.fires.sort()
    for minute in sorted(making.voices.keys() | making.others.keys()):
        year.minutes[minute] = Minute(making.voices.get(minute, {}), making.others.get(minute, 0))
    return year


def _rhythm(chance: np.random.Generator, days: int) -> NDArray[np.float64]:
    """The rate of each minute, 1 on average: hours, weekdays, moods of days, holidays, growth."""
    clock = np.arange(DAY) / 60
    peaks = [(chance.normal(9, 1), 2.5, 0.6), (chance.normal(13, 0.7), 1.5, 0.7), (chance.normal(21, 1), 2.5, 1.0)]
    day = np.full(DAY, 0.08)
    for at, width, height in peaks:
        day += height * np.exp(-(((clock - at + 12) % 24 - 12) ** 2) / (2 * width**2))
    week = np.repeat(chance.uniform(0.7, 1.3, 7), DAY)
    mood, moods = 0.0, []
    for _ in range(days):
        mood = 0.7 * mood + chance.normal(0, 0.2)
        moods.append(np.exp(mood) * (chance.choice([0.5, 1.6]) if chance.random() < 0.035 else 1.0))
    growth = np.exp(np.linspace(0, chance.uniform(-0.3, 0.6), days * DAY))
    weeks = np.tile(week, days // 7 + 1)[: days * DAY]
    whole = np.tile(day, days) * weeks * np.repeat(moods, DAY) * growth
    return np.asarray(whole / whole.mean(), dtype=np.float64)


def _moments(chance: np.random.Generator, days: int) -> list[int]:
    """Sixteen a year, days apart, more of them by day than by night; in a shuffled order."""
    first, last = QUIET_WEEKS * 7 + 1, days - 3
    count = max(1, round(16 * days / YEAR_DAYS))
    width = (last - first) / count
    found = []
    for number in range(count):
        on = first + (number + 0.7 * chance.random()) * width
        hour = chance.choice(24, p=np.array([2] * 7 + [5] * 17) / (2 * 7 + 5 * 17))
        found.append(FIRST_MINUTE + int(on) * DAY + int(hour) * 60 + int(chance.integers(60)))
    chance.shuffle(found)
    return found


def _fire(making: _Making, size: Size, onset: int) -> Fire:
    chance = making.chance
    people = int(np.exp(chance.uniform(*np.log(size.fire))))
    ramp = float(np.exp(chance.uniform(np.log(5), np.log(180))))
    decay = float(np.exp(chance.uniform(np.log(45), np.log(420))))
    copied = [f"copied-{onset}-{n}" for n in range(5)]
    times = []
    for _ in range(people):
        if chance.random() < ramp / 2 / (ramp / 2 + decay):
            times.append(ramp * float(np.sqrt(chance.random())))
        else:
            times.append(ramp + float(chance.exponential(decay)))
    for after in times:
        text = copied[chance.integers(5)] if chance.random() < 0.2 else None
        author = f"fire-{onset}-{chance.integers(people)}" if chance.random() < 0.15 else None
        making.complain(onset + int(after), author, text)
    for _ in range(int(people * chance.uniform(0.1, 1.5))):
        making.add_others(onset + 5 + int(times[chance.integers(people)] + chance.exponential(15)))
    return Fire(onset, onset + int(ramp + 3 * decay), people)


def _amount(making: _Making, size: Size) -> int:
    return int(np.exp(making.chance.uniform(*np.log(size.bump))))


def _campaign(making: _Making, size: Size, start: int, share: float) -> None:
    """A give-away: hours of praise and promotion, and a few who complain of that too."""
    length = making.chance.uniform(180, 720)
    for _ in range(2 * _amount(making, size)):
        minute = start + int(making.chance.random() * length)
        if making.chance.random() < share / 5:
            making.complain(minute)
        else:
            making.add_others(minute)


def _television(making: _Making, size: Size, start: int, share: float) -> None:
    """Everybody speaks of the brand at once, as they always do."""
    length = making.chance.uniform(15, 60)
    for _ in range(_amount(making, size)):
        minute = start + int(making.chance.exponential(length))
        if making.chance.random() < share:
            making.complain(minute)
        else:
            making.add_others(minute)


def _copies(making: _Making, size: Size, start: int, share: float) -> None:
    """One text, copied by many accounts; half the time it reads as a complaint."""
    length, reads_as_complaint = making.chance.uniform(30, 240), making.chance.random() < 0.5
    for _ in range(_amount(making, size) // 3):
        minute = start + int(making.chance.random() * length)
        if reads_as_complaint:
            making.complain(minute, text=f"wave-{start}")
        else:
            making.add_others(minute)


def _angry(making: _Making, size: Size, start: int, share: float) -> None:
    """One or two people who do not stop."""
    people = [f"angry-{start}-{n}" for n in range(making.chance.integers(1, 3))]
    for _ in range(int(making.chance.integers(20, 90))):
        minute = start + int(making.chance.random() * making.chance.uniform(30, 180))
        making.complain(minute, people[making.chance.integers(len(people))])


_BUMPS = {"campaign": _campaign, "television": _television, "copies": _copies, "angry": _angry}
