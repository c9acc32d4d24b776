"""Why a burst is one, in words for its readers: what was found, what is usual, what people say that nobody said before.

Pure.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from config.brands import Burst
from workers.incidents.auto import Evidence
from workers.incidents.burst import window_minutes

# All ours.
_NEWS_PEOPLE: Final = 3  # so many people must say a word
_NEWS_SHARE: Final = 0.15  # and so large a part of all
_PAST_POSTS: Final = 20  # with fewer before, nothing is known to be new
_MOST_NEWS: Final = 5
_COPIES_SHOWN: Final = 3
_NOTABLE_MOOD: Final = 1.3
# Words of Latin letters; runs of kanji or katakana, which hold what Japanese is about.
_WORD: Final = re.compile(r"[a-z][a-z'’]{3,}|[一-鿿々]{2,8}|[ァ-ヺー]{3,}")
_NO_WORD: Final = re.compile(r"https?://\S+|[@＠]\w+")

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "rule": "{found} authors complained; the rule is {authors} within {minutes} minutes",
        "auto": "{authors} people complained within {minutes} minutes; usual for {brand} on {day} about {hour}:00 is "
        "{usual}",
        "few": "less than one",
        "mood": "that allows for the hours before, which had {mood} times as many complaints as usual",
        "share": "complaints are {share} % of what is said of the brand; usual is {usual} %",
        "copies": "{copies} of them posted texts that others posted too",
        "news": "words that no earlier complaint had: {words}",
        "languages": "languages: {split}",
        "worst": "worst single complaint: {severity}",
    },
    "ja": {
        "rule": "{found}人が苦情を投稿(基準: {minutes}分以内に{authors}人)",
        "auto": "{minutes}分以内に{authors}人が苦情を投稿({brand}の{day}{hour}時台は通常{usual})",
        "few": "1人未満",
        "people": "{n}人",
        "mood": "直前の時間帯の苦情が通常の{mood}倍だったことは考慮済み",
        "share": "ブランドについての投稿の{share}%が苦情(通常{usual}%)",
        "copies": "うち{copies}人は他の人と同じ文面を投稿",
        "news": "これまでの苦情になかった言葉: {words}",
        "languages": "言語の内訳: {split}",
        "worst": "単独で最も深刻な苦情: {severity}",
    },
}
_DAYS: Final = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "ja": ("月曜", "火曜", "水曜", "木曜", "金曜", "土曜", "日曜"),
}
_SEVERITIES_JA: Final = {"none": "なし", "low": "低", "medium": "中", "high": "高", "critical": "重大"}


def by_rule(language: str, found: int, rule: Burst) -> list[str]:
    """Of a rule that the user wrote, or of the one before there is a baseline."""
    return [_words(language)["rule"].format(found=found, authors=rule.authors, minutes=window_minutes(rule))]


def by_baseline(language: str, brand: str, zone: str, evidence: Evidence) -> list[str]:
    """Of the brand's own baseline: what there is beside what is usual at this hour."""
    words, moment = _words(language), datetime.fromtimestamp(evidence.end * 60, ZoneInfo(zone))
    plain = evidence.expected / evidence.mood
    number = f"{evidence.expected:.1f}".removesuffix(".0")
    usual = words["few"] if evidence.expected < 1 else words.get("people", "{n}").format(n=number)
    day = _DAYS.get(language, _DAYS["en"])[moment.weekday()]
    reasons = [
        words["auto"].format(
            authors=evidence.authors, minutes=evidence.width, brand=brand, day=day, hour=moment.hour, usual=usual
        )
    ]
    if evidence.mood >= _NOTABLE_MOOD and plain > 0:
        reasons.append(words["mood"].format(mood=f"{evidence.mood:.1f}"))
    share = evidence.complaints / max(1, evidence.complaints + evidence.others)
    if evidence.others:
        reasons.append(words["share"].format(share=round(100 * share), usual=round(100 * evidence.usual_share)))
    if evidence.copies >= _COPIES_SHOWN:
        reasons.append(words["copies"].format(copies=evidence.copies))
    return reasons


def about_posts(language: str, split: Sequence[tuple[str, int]], worst: str, news: Sequence[str]) -> list[str]:
    """What its posts have: words never seen before, their languages, the gravest of them."""
    words = _words(language)
    severity = _SEVERITIES_JA.get(worst, worst) if language == "ja" else worst
    reasons = [words["news"].format(words=("、" if language == "ja" else ", ").join(news))] if news else []
    reasons.append(words["languages"].format(split=", ".join(f"{lang} {count}" for lang, count in split)))
    reasons.append(words["worst"].format(severity=severity))
    return reasons


def new_words(now: Sequence[tuple[str, str]], before: Collection[str]) -> list[str]:
    """Words that several people say now (`now`: author and text) and none of the texts before had, most said first."""
    if len(before) < _PAST_POSTS:
        return []
    known = {word for text in before for word in _tokens(text)}
    said = Counter(word for word, _ in {(word, author) for author, text in now for word in _tokens(text) - known})
    least = max(_NEWS_PEOPLE, _NEWS_SHARE * len({author for author, _ in now}))
    ordered = sorted(said.items(), key=lambda one: (-one[1], one[0]))
    return [word for word, people in ordered if people >= least][:_MOST_NEWS]


def _tokens(text: str) -> set[str]:
    return set(_WORD.findall(_NO_WORD.sub(" ", text.lower())))


def _words(language: str) -> Mapping[str, str]:
    return _WORDS.get(language, _WORDS["en"])
