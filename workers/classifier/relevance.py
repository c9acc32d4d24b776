"""Whether a post is about the brand at all, before anybody has marked one: evidence, its weight, reasons. Pure.

Evidence is what a person would look at: was one of the brand's accounts spoken to, do words stand there that go with
the brand, is the name written as a name, does the post talk of what the brand sells, does it fit better to another
brand of the same name. Where nothing says anything the post is taken for the brand's: a complaint that is missed costs
more than one too many.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.classifier.relevance_profile import Hit, Profile, Profiles, script
from workers.classifier.relevance_topics import TOPICS

Floats = NDArray[np.float32]

_HANDLE: Final = re.compile(r"(?<![0-9A-Za-z_])[@\uff20]([0-9A-Za-z_]{1,20})")
_ARTICLES: Final = frozenset({
    "a", "an", "the", "this", "that", "these", "those", "my", "your", "his", "her", "our", "their", "its", "every",
    "each", "some", "any", "one", "no", "another", "two", "first", "last", "of", "in",
})  # fmt: skip
_HELPFUL: Final = ("context", "description", "business")
RULED_OUT: Final = 0.99
_ADDRESSED: Final = frozenset({"handle", "reply", "quote"})
_HIRAGANA, _KANJI, _COMPOUND = 2, 8, 12  # see `script`; a compound goes on in katakana or kanji
_LONGEST_COMPOUND: Final = 8
# What each number of Evidence.numbers weighs for the brand, in their order. Ours: chosen on our own posts and on six of
# the fourteen brands of `data/relevance`; the other eight are what MODEL.md quotes.
WEIGHTS: Final = {
    "addressed": 5.0, "context": 1.5, "description": 0.5, "business": 1.2, "capital": 1.0, "lower": -1.2,
    "article": -1.5, "attached": -1.6, "namesake": -3.0, "text": -0.35,
}  # fmt: skip
_WEIGHTS: Final = tuple(WEIGHTS.values())
# From here on the sum says nothing either way; a post that reads as a complaint needs so much more against it.
_NEUTRAL: Final = 0.3
_COMPLAINT_NEEDS: Final = 2.0
# Nearness (cosines): to the nearest part of what the brand says of itself, to all of it, against the nearest topic and
# against a namesake; never so much against a post that words could not outweigh it. Without a description or context
# nothing is near or far.
_NEAR_MOST, _NEAR_MEAN, _NEAR_WHOLE, _NEAR_TOPIC, _NEAR_NAMESAKE = 5.0, 4.0, 4.0, -9.0, -8.0
_CONTEXT_ALONE: Final = 0.4  # words that come with a brand tell less of what it is than a description
_FARTHEST: Final = -3.0
_UNKNOWN_NEARNESS: Final = 0.9
# A sum is told as a reason from here on.
_TELLING: Final = 0.5


class Evidence(NamedTuple):
    """What a post shows. `ruled_out`: the file itself says that it is not about the brand, and why."""

    numbers: tuple[float, ...]
    context: tuple[str, ...] = ()
    description: tuple[str, ...] = ()
    attached: str = ""
    namesake: str = ""
    ruled_out: tuple[str, str] | None = None


class Relevance(NamedTuple):
    """How likely a post is not about the brand, and the evidence for it in words, in English and in Japanese."""

    irrelevant: float
    reasons: tuple[tuple[str, str], ...]


def evidence(
    profiles: Profiles, number: int, plain: str, hits: Sequence[Hit], raw: str, match: str | None, irrelevant: float
) -> Evidence:
    """What the words show; `irrelevant` is what the classifier makes of the text alone."""
    profile = profiles.profiles[number]
    by_role: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.brand == number or hit.role == "business":
            by_role.setdefault(hit.role, []).append(hit)
    context, description = _words(by_role, "context"), _words(by_role, "description")
    named, masks = by_role.get("keyword", ()), by_role.get("exclude", ())
    standing = [hit for hit in named if not any(m.start < hit.stop and hit.start < m.stop for m in masks)]
    speaks = _speaks_to(raw, profile) if "@" in raw else 0.0
    addressed = match in _ADDRESSED or speaks == 1.0
    ruled_out, attached, namesake = None, "", ""
    if not addressed:
        lacks_context = profile.brand.require_context and not context
        ruled_out = _ruled_out(by_role.get("exclude_posts", ()), bool(named), bool(standing), lacks_context)
        if not named:
            attached = _inside(plain, profile.patterns)
    if standing:
        helpful = [hit for role in _HELPFUL for hit in by_role.get(role, ())]
        attached = min((_attached(plain, hit, helpful) for hit in standing), key=len)
    if profile.namesakes:
        namesake = _namesake(profiles, profile, hits, len(context) + len(description))
    capital, lower, article = _case(plain, standing, profile) if profile.cased else (0.0, 0.0, 0.0)
    numbers = (
        1.0 if addressed else speaks,
        float(min(len(context), 2)),
        float(min(len(description), 2)),
        float(min(len(_words(by_role, "business")), 2)),
        capital,
        lower,
        article,
        float(bool(attached)),
        float(bool(namesake)),
        math.log((irrelevant + 1e-3) / (1.0 - irrelevant + 1e-3)),
    )
    return Evidence(numbers, context, description, attached, namesake, ruled_out)


def _words(by_role: Mapping[str, Sequence[Hit]], role: str) -> tuple[str, ...]:
    found = by_role.get(role)
    return tuple(dict.fromkeys([hit.word for hit in found])) if found else ()


class Nearness(NamedTuple):
    """How near posts are to the brand (a sum of weights), and the topic that each is nearest to."""

    weight: Floats
    topic: NDArray[np.int64]


def nearness(profiles: Profiles, number: int, vectors: Floats, topics: Floats) -> Nearness | None:
    """Of posts about one brand, by their vectors and their nearness to the topics; None where the brand says nothing
    of itself."""
    profile = profiles.profiles[number]
    if profile.near is None:
        return None
    near = vectors @ profile.near.T
    most = near.max(axis=1)
    # Above the mean: a short post is a little near to everything.
    others = np.maximum(topics - topics.mean(axis=1, keepdims=True), 0.0) * profiles.senses[number]
    topic = others.argmax(axis=1)
    weight = _NEAR_MOST * most + _NEAR_MEAN * near.mean(axis=1) + _NEAR_WHOLE * near[:, -1]
    weight += _NEAR_TOPIC * others.max(axis=1)
    for number_of_rival in profile.namesakes:
        rival = profiles.profiles[number_of_rival].near
        if rival is not None:
            weight += _NEAR_NAMESAKE * np.maximum((vectors @ rival.T).max(axis=1) - most, 0.0)
    if not profile.brand.description:
        weight += _CONTEXT_ALONE
    return Nearness(np.maximum(weight, _FARTHEST).astype(np.float32), topic)


def weigh(found: Evidence, near: tuple[float, int] | None, complaint: float) -> Relevance:
    """How likely the post is not about the brand. `near`: its nearness and the topic that it is near to; `complaint`:
    how much the text reads as one, if it is about the brand at all."""
    if found.ruled_out is not None:
        return Relevance(RULED_OUT, (found.ruled_out,))
    parts = dict(zip(WEIGHTS, (w * n for w, n in zip(_WEIGHTS, found.numbers, strict=True)), strict=True))
    total = sum(parts.values()) + (near[0] if near is not None else _UNKNOWN_NEARNESS)
    irrelevant = 1.0 / (1.0 + math.exp(min(total - _NEUTRAL + _COMPLAINT_NEEDS * complaint, 30.0)))
    return Relevance(irrelevant, tuple(_reasons(found, parts, near)))


def _reasons(found: Evidence, parts: dict[str, float], near: tuple[float, int] | None) -> list[tuple[str, str]]:
    """What speaks against the brand, the weightiest first."""
    said: list[tuple[float, tuple[str, str]]] = []
    if found.namesake:
        fits = (f"fits {found.namesake} better", f"「{found.namesake}」のほうに合う")
        said.append((parts["namesake"], fits))
    if found.attached:
        part = (f"the name is part of “{found.attached}”", f"名前は「{found.attached}」の一部")
        said.append((parts["attached"], part))
    if parts["lower"] + parts["article"] <= -_TELLING:
        word = ("the name stands as an everyday word", "名前が普通の言葉として書かれている")
        said.append((parts["lower"] + parts["article"], word))
    if near is not None and near[0] <= -_TELLING:
        english, japanese = TOPICS[near[1]]
        topic = (f"reads more like “{english}” than what the brand sells", f"「{japanese}」の話に近い")
        said.append((near[0], topic))
    if parts["text"] <= 0.0 and not said:
        said.append((parts["text"], ("unlike any talk of a company", "企業の話らしくない")))
    return [reason for _, reason in sorted(said, key=lambda one: one[0])]


def _speaks_to(raw: str, profile: Profile) -> float:
    """1 where an account of the brand is named, a half for one that has the brand's name in its own."""
    named = [handle.lower() for handle in _HANDLE.findall(raw)]
    if any(handle in profile.accounts for handle in named):
        return 1.0
    return 0.5 if any(word in handle for handle in named for word in profile.squeezed) else 0.0


def _ruled_out(excluding: Sequence[Hit], named: bool, standing: bool, lacks_context: bool) -> tuple[str, str] | None:
    if excluding:
        word = excluding[0].word
        return f"holds “{word}”, which brands.yaml excludes", f"除外語「{word}」を含む"
    if named and not standing:
        return "the name stands only inside words that brands.yaml excludes", "名前は除外した語の中にしかない"
    if named and lacks_context:
        return "none of the context that brands.yaml requires", "必須の文脈語がない"
    return None


def _attached(plain: str, hit: Hit, helpful: Sequence[Hit]) -> str:
    """The longer word that a kana name is part of (アップルパイ, デルタ株), unless that word goes with the brand."""
    if script(plain[hit.stop - 1].lower()) == 1:
        return ""
    start, stop = _grown(plain, hit.start, hit.stop)
    around = plain[max(0, start - 1) : start] + plain[stop : stop + 1]
    if "・" in around:
        return plain[max(0, start - 1) : stop + 1].strip("、。 ")
    if (start, stop) == (hit.start, hit.stop) or any(word.start < stop and word.stop > start for word in helpful):
        return ""
    return plain[start:stop]


def _inside(plain: str, patterns: Sequence[str]) -> str:
    """The word that holds a name which must stand alone (サンタ, apples); hiragana beside hiragana may be grammar."""
    folded = plain.lower()
    for pattern in patterns:
        start, kind = folded.find(pattern), script(pattern[-1])
        if start >= 0 and kind != _HIRAGANA and len(folded) == len(plain):
            stop = start + len(pattern)
            while stop < len(plain) and script(folded[stop]) & kind:
                stop += 1
            while start > 0 and script(folded[start - 1]) & kind:
                start -= 1
            return plain[start:stop]
    return ""


def _grown(plain: str, start: int, stop: int) -> tuple[int, int]:
    """The place with the katakana and kanji beside it; a kanji that hiragana follows is a verb's (ポロ買った)."""
    first, last = start, stop
    while last < len(plain) and last - stop < _LONGEST_COMPOUND and script(plain[last]) & _COMPOUND:
        last += 1
    if stop < last < len(plain) and script(plain[last]) == _HIRAGANA and script(plain[last - 1]) == _KANJI:
        last -= 1
    while first > 0 and start - first < _LONGEST_COMPOUND and script(plain[first - 1]) & _COMPOUND:
        first -= 1
    return first, last


def _case(plain: str, standing: Sequence[Hit], profile: Profile) -> tuple[float, float, float]:
    """Whether a Latin name stands as a name (with its capital within a sentence), as a word, after an article."""
    capital, lower, article = 0.0, 0.0, 0.0
    cased = [hit for hit in standing if hit.word.isascii() and hit.word != hit.word.lower()]
    if not cased or not profile.cased or plain.isupper():
        return capital, lower, article
    for hit in cased:
        written = plain[hit.start : hit.stop]
        before = plain[: hit.start].rstrip(" “\"'(")
        if written != written.lower():
            at_start = not before or before[-1] in ".!?。！？\n:"
            exact = written == hit.word and written.isupper() and len(written) > 1
            capital = max(capital, 1.0 if exact or not at_start else 0.5)
        else:
            lower = max(lower, 1.0 if plain != plain.lower() else 0.5)
            words = before.rsplit(" ", 1)
            article = max(article, float(words[-1].lower() in _ARTICLES))
    return capital, (lower if not capital else 0.0), (article if not capital else 0.0)


def _namesake(profiles: Profiles, profile: Profile, hits: Sequence[Hit], own: int) -> str:
    """Another brand of the file whose words fit better: one of the same name, or one whose longer name this is in."""
    for number in profile.namesakes:
        theirs = {hit.word for hit in hits if hit.brand == number and hit.role in ("context", "description")}
        if len(theirs) > own:
            return profiles.brands[number].name
    return ""
