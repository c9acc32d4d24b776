"""Says why, in words: what a post says (with the words quoted), which part weighed most, who says it."""

from collections.abc import Sequence
from typing import Final

from schemas.mark import Kind, Severity
from workers.classifier.cues import CATEGORIES, INDEX, Hit
from workers.classifier.influence import Weighed

# More than three grounds and nobody reads them; quotes longer than this are cut (both ours).
MAX_GROUNDS: Final = 3
MAX_QUOTE_CHARACTERS: Final = 60

_KIND_WORDS: Final[dict[Kind, tuple[str, str]]] = {
    "complaint": ("reads as a complaint", "苦情と読める"),
    "question": ("reads as a question", "質問と読める"),
    "praise": ("reads as praise", "好意的な声と読める"),
    "promotion": ("reads as promotion", "宣伝・企画と読める"),
    "neutral": ("takes no side", "評価を述べていない"),
    "irrelevant": ("does not seem to be about the brand", "このブランドの話ではなさそう"),
}
_BREACHES: Final = tuple(c.name for c in CATEGORIES if c.gravity >= 1)
# What may ground each kind; a neutral post is grounded by the absence of the rest.
_GROUNDS: Final[dict[Kind, frozenset[int]]] = {
    "complaint": frozenset(INDEX[name] for name in _BREACHES),
    "question": frozenset({INDEX["question"]}),
    "praise": frozenset(INDEX[name] for name in ("praise", "thanks", "resolved")),
    "promotion": frozenset(INDEX[name] for name in ("giveaway", "advert", "hiring")),
    "neutral": frozenset(INDEX[name] for name in ("news", "quoting")),
    "irrelevant": frozenset(),
}
_LOUD: Final[dict[str, tuple[str, str]]] = {
    "high": ("severity: high", "深刻度: 高"),
    "critical": ("severity: critical", "深刻度: 緊急"),
}
_LOWERED: Final = frozenset(INDEX[name] for name in ("resolved", "joking"))


def grounds(kind: Kind, hits: Sequence[Hit], text: str, japanese: bool) -> list[str]:
    """What the post says that speaks for its kind: gravest first, each category once, with the words quoted."""
    quoted: dict[int, str] = {}
    wanted = _GROUNDS[kind] | (_LOWERED if kind == "complaint" else frozenset())
    for hit in hits:
        if hit.category in wanted:
            said = text[hit.start : hit.stop].strip()
            if len(said) > len(quoted.get(hit.category, "")):
                quoted[hit.category] = said
    chosen = sorted(quoted, key=lambda index: (-CATEGORIES[index].gravity, index))[:MAX_GROUNDS]
    return [_ground(index, quoted[index], japanese) for index in chosen]


def opening(kind: Kind, decisive: str, japanese: bool) -> str:
    """The kind in words, with the part of the post that weighed most."""
    english, nihongo = _KIND_WORDS[kind]
    if not decisive:
        return nihongo if japanese else english
    return f"{nihongo}: 「{_cut(decisive)}」" if japanese else f"{english}: “{_cut(decisive)}”"


def attention(severity: Severity, weighed: Weighed, japanese: bool) -> list[str]:
    """What asks for somebody's attention now: a high severity, a weighty author."""
    said = []
    if severity in _LOUD:
        said.append(_LOUD[severity][japanese])
    if weighed.influence != "none":
        said.append(_about_author(weighed, japanese))
    return said


def _about_author(weighed: Weighed, japanese: bool) -> str:
    """The parts of an influence, each with its points."""
    names = {"notable": "やや影響力あり", "influencer": "影響力あり", "watchlist": "監視対象"}
    parts = (f"{part[1] if japanese else part[0]} {part[2]:+.1f}" for part in weighed.parts)
    return f"{names[weighed.influence] if japanese else weighed.influence}: {', '.join(parts)}"


def _ground(index: int, said: str, japanese: bool) -> str:
    category = CATEGORIES[index]
    return f"{category.japanese}: 「{_cut(said)}」" if japanese else f"{category.english}: “{_cut(said)}”"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_QUOTE_CHARACTERS else text[: MAX_QUOTE_CHARACTERS - 1] + "…"
