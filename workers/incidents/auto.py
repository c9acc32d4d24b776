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
_FALSE_A_WEEK: Final = 0.002  # what the usual, as it is modelled, may bring about by chance
_LEAST_VOICES_A_WEEK: Final = 10.0
_BUMP_CHANCE: Final = 1e-3  # the same, where more is said of the brand in every way: a campaign, television
_MOOD_MINUTES: Final = MOOD_HOURS * 60
_MOOD_STEP: Final = 10
_RECENT_MINUTES: Final = 60  # what is judged is no part of the mood
_WEATHER_MS: Final = 12 * 3600_000  # a fire that has burned for so long is how things are now
_ODDS_CAP: Final = 3.0
CALM_MINUTES: Final = 60  # after the last window that held, the burst ends: M of the design
NEAR: Final = (WIDTHS[-1], WIDTHS[-1])
REACH: Final = (WIDTHS[-1] + _MOOD_MINUTES + _RECENT_MINUTES + _MOOD_STEP, WIDTHS[-1])
"""How many minutes before and after a touched one are needed: for a first look, and to judge."""


class Evidence(NamedTuple):
    """Why a window was reported: its last minute and width; people, and what is usual."""

    end: int
    width: int
    authors: int
    complaints: int
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
        self.ends = [minute for minute in self.there if minutes[minute].voices]
        """Where a window may end: one that ends without a complaint is no more than the one before it."""
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


def suspicious(minutes: Mapping[int, Minute], touched: AbstractSet[int], usual: Usual) -> bool:
    """Whether there is anything to judge, even on the calmest of days: asked first, with the minutes within NEAR."""
    series, near = _Series(minutes), sorted(touched)
    return any(_is_wild(series, near, end, width, usual) for end in series.ends for width in WIDTHS)


def judge(minutes: Mapping[int, Minute], touched: AbstractSet[int], usual: Usual, spans: Sequence[Span]) -> list[Held]:
    """Where so many complain as is not usual, in windows that a touched minute is part of.

    `minutes` are those within REACH of the touched ones. `spans`: when it has burned already; that is not the mood of
    the day. Spans found are part of it for later windows, so that one batch gives what many give.
    """
    series, near = _Series(minutes), sorted(touched)
    burning = [*spans]
    moods: dict[int, float] = {}
    held: list[Held] = []
    for end in series.ends:
        widths = [width for width in WIDTHS if _is_wild(series, near, end, width, usual)]
        if not widths:
            continue
        place = end // _MOOD_STEP
        if place not in moods:
            moods[place] = _mood(series, place * _MOOD_STEP - _RECENT_MINUTES, usual, burning)
        looks = (_look(series, end, width, usual, moods[place]) for width in widths)
        found = next((evidence for evidence in looks if evidence is not None), None)
        if found is not None:
            span = ((end - found.width + 1) * MINUTE_MS, (end + CALM_MINUTES + 1) * MINUTE_MS - 1)
            burning = merge_spans([*burning, span])
            _add(held, Held(span, found))
    return held


def _add(held: list[Held], new: Held) -> None:
    """Windows that overlap are one, with the evidence of the first."""
    if held and new.span[0] <= held[-1].span[1] + 1:
        first, last = held[-1].span, new.span
        held[-1] = Held((min(first[0], last[0]), max(first[1], last[1])), held[-1].evidence)
    else:
        held.append(new)


def _is_wild(series: _Series, near: Sequence[int], end: int, width: int, usual: Usual) -> bool:
    """A quick look: no window of which this is false holds, whatever the mood. (A negative binomial's tail is heavier
    than the normal one's, and what is asked of it is less than what three deviations leave.)"""
    if bisect_right(near, end) == bisect_left(near, end - width + 1):
        return False
    voices = series.window(end, width)[0]
    if voices < LEAST_VOICES:
        return False
    least = usual.rates(end - width // 2)[0] * width * LEAST_MOOD
    return voices > least and (voices - least) ** 2 > 9 * (least + usual.noise * least * least)


def _look(series: _Series, end: int, width: int, usual: Usual, mood: float) -> Evidence | None:
    """The evidence of a window that the usual does not explain; None for one that it does."""
    complaints, others, places = series.window(end, width)
    texts: dict[str, str] = {}
    for place in places:
        texts.update(series.minutes[series.there[place]].voices)
    people = len(texts)
    if people < LEAST_VOICES:
        return None
    voices_rate, others_rate = usual.rates(end - width // 2)
    expected = voices_rate * width * mood
    if tail(people, expected, usual.noise) > _FALSE_A_WEEK / max(_LEAST_VOICES_A_WEEK, sum(usual.voices)):
        return None
    usual_others = others_rate * width
    bump = others - usual_others * max(1.0, mood) - 2 * math.sqrt(usual_others + 1)
    explained = max(0.0, bump) * min(usual.odds, _ODDS_CAP)
    if explained and tail(people, expected + explained, usual.noise) > _BUMP_CHANCE:
        return None
    # Copies are people too: fifty who post the same complaint are one alert, not fifty. They are told as such.
    copies = sum(count for count in Counter(texts.values()).values() if count > 1)
    share = usual.odds / (1 + usual.odds)
    return Evidence(end, width, people, complaints, expected, mood, others, share, copies)


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
