"""`burst: auto`: whether so many people complain now as the brand's own past does not explain. Pure, in event time."""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from workers.incidents.burst import MINUTE_MS, Minute, Span, merge_spans
from workers.incidents.usual import LEAST_MOOD, MOOD_HOURS, Usual, mood_of

# All ours, tuned on simulated traffic (`make bench ARGS=bursts`; other seeds than those it reports on).
WIDTHS: Final = (5, 15, 60, 180)
"""The windows that are looked at, in minutes: the first sees a sudden fire sooner, the last a slow one at all."""
LEAST_VOICES: Final = 4  # fewer people are no fire, however quiet the brand
_FALSE_A_WEEK: Final = 0.003  # what the usual, as it is modelled, may bring about by chance
_LEAST_VOICES_A_WEEK: Final = 10.0
_BUMP_CHANCE: Final = 1e-3  # the same, where more is said of the brand in every way: a campaign, television
_MOOD_MINUTES: Final = MOOD_HOURS * 60
_MOOD_STEP: Final = 10
_RECENT_MINUTES: Final = 60  # what is judged is no part of the mood
_WEATHER_MS: Final = 12 * 3600_000  # a fire that has burned for so long is how things are now
_ODDS_CAP: Final = 3.0
CALM_MINUTES: Final = 60  # after the last window that held, the burst ends: M of the design
REACH: Final = (WIDTHS[-1] + _MOOD_MINUTES + _RECENT_MINUTES + _MOOD_STEP, WIDTHS[-1])
"""How many minutes before and after a touched one are needed."""


class Evidence(NamedTuple):
    """Why a window was reported: its last minute and width; people, copied texts taken together; what is usual."""

    end: int
    width: int
    authors: int
    complaints: int
    voices: float
    expected: float
    mood: float
    others: int
    usual_share: float
    copies: int
    """How many people wrote a text that others wrote too."""


class Held(NamedTuple):
    """A span of event time in which it holds, and the evidence of its first window."""

    span: Span
    evidence: Evidence


class _Series:
    """Minutes with sums up to each, so that a window costs two look-ups."""

    def __init__(self, minutes: Mapping[int, Minute]) -> None:
        self.there = sorted(minutes)
        self.minutes = minutes
        self.voices, self.others = [0], [0]
        for minute in self.there:
            found = minutes[minute]
            self.voices.append(self.voices[-1] + len(found.voices))
            self.others.append(self.others[-1] + found.others)

    def window(self, end: int, width: int) -> tuple[int, int, range]:
        """Voices (an author once a minute), others and the places of the minutes up to `end`."""
        first, last = bisect_right(self.there, end - width), bisect_right(self.there, end)
        return self.voices[last] - self.voices[first], self.others[last] - self.others[first], range(first, last)


def judge(minutes: Mapping[int, Minute], touched: AbstractSet[int], usual: Usual, spans: Sequence[Span]) -> list[Held]:
    """Where so many complain as is not usual, in windows that a touched minute is part of.

    `minutes` are those within REACH of the touched ones. `spans`: when it has
    burned already; that is not the mood of the day. Spans found are part of it for later windows, so that one batch
    gives what many give.
    """
    series = _Series(minutes)
    chance = _FALSE_A_WEEK / max(_LEAST_VOICES_A_WEEK, sum(usual.voices))
    near = sorted(touched)
    burning = [*spans]
    held: list[Held] = []
    moods: dict[int, float] = {}
    for end in series.there:
        found = None
        for width in WIDTHS:
            is_touched = bisect_right(near, end) > bisect_left(near, end - width + 1)
            if not is_touched:
                continue
            sum_voices, others, places = series.window(end, width)
            if sum_voices < LEAST_VOICES:
                continue
            voices_rate, others_rate = usual.rates(end - width // 2)
            if sum_voices <= voices_rate * width * LEAST_MOOD:
                continue
            place = end // _MOOD_STEP
            if place not in moods:
                moods[place] = _mood(series, place * _MOOD_STEP - _RECENT_MINUTES, usual, burning)
            mood = moods[place]
            expected = voices_rate * width * mood
            if sum_voices <= expected * 1.2:
                continue
            found = _look(series, places, end, width, expected, others_rate * width, others, mood, usual, chance)
            if found is not None:
                break
        if found is not None:
            span = ((end - found.width + 1) * MINUTE_MS, (end + CALM_MINUTES + 1) * MINUTE_MS - 1)
            burning = merge_spans([*burning, span])
            if held and span[0] <= held[-1].span[1] + 1:
                start = min(held[-1].span[0], span[0])
                held[-1] = Held((start, max(held[-1].span[1], span[1])), held[-1].evidence)
            else:
                held.append(Held(span, found))
    return held


def _look(
    series: _Series,
    places: range,
    end: int,
    width: int,
    expected: float,
    others_expected: float,
    others: int,
    mood: float,
    usual: Usual,
    chance: float,
) -> Evidence | None:
    """The evidence of a window that the usual does not explain; None for one that it does."""
    texts: dict[str, str] = {}
    complaints = series.window(end, width)[0]
    for place in places:
        texts.update(series.minutes[series.there[place]].voices)
    groups = Counter(texts.values())
    voices = sum(1 + math.log(count) for count in groups.values())
    if voices < LEAST_VOICES:
        return None
    if tail(voices, expected, usual.noise) > chance:
        return None
    odds = min(usual.odds, _ODDS_CAP)
    bump = max(0.0, others - others_expected * max(1.0, mood) - 2 * math.sqrt(others_expected + 1)) * odds
    if bump and tail(voices, expected + bump, usual.noise) > _BUMP_CHANCE:
        return None
    share = usual.odds / (1 + usual.odds)
    copies = sum(count for count in groups.values() if count > 1)
    return Evidence(end, width, len(texts), complaints, voices, expected, mood, others, share, copies)


def _mood(series: _Series, end: int, usual: Usual, burning: Sequence[Span]) -> float:
    """How the six hours up to `end` compare with the usual; where it burned they say nothing, until it has for long."""
    steps = []
    for start in range(end - _MOOD_MINUTES, end, _MOOD_STEP):
        if not any(_burns(start * MINUTE_MS, span) for span in burning):
            found = series.window(start + _MOOD_STEP - 1, _MOOD_STEP)[0]
            steps.append((found, usual.rates(start + _MOOD_STEP // 2)[0] * _MOOD_STEP))
    return mood_of(steps, usual.level)


def _burns(moment: int, span: Span) -> bool:
    return span[0] <= moment + _MOOD_STEP * MINUTE_MS and moment <= min(span[1], span[0] + _WEATHER_MS)


def tail(count: float, mean: float, noise: float) -> float:
    """The chance of `count` or more where `mean` is usual: negative binomial, with variance mean + noise · mean²."""
    if count <= mean or mean <= 0:
        return 1.0 if count <= 0 or mean > 0 else 0.0
    size = 1 / noise
    start = math.floor(count)
    log_odds = math.log(mean / (mean + size))
    log_chance = (
        math.lgamma(start + size) - math.lgamma(size) - math.lgamma(start + 1)
        + size * math.log(size / (size + mean)) + start * log_odds
    )  # fmt: skip
    term = math.exp(log_chance)
    total, k, ratio = term, start, math.exp(log_odds)
    while term > total * 1e-6 and k < start + 10_000:
        term *= (k + size) / (k + 1) * ratio
        k += 1
        total += term
    return min(1.0, total)
