"""Finds the phrases of `lexicon/` in a whole batch: evidence for severity, for reasons, and features of the models."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import yaml
from ahocorasick_rs import AhoCorasick, Implementation
from numpy.typing import NDArray

from workers.classifier.text import code_points

LEXICON = Path(__file__).parent / "lexicon"


class Category(NamedTuple):
    """What a group of phrases says of a post: in words for a reason, and how grave that is (0 none to 4 critical)."""

    name: str
    gravity: int
    english: str
    japanese: str


# The order is the order of a post's cue features: weights are only good together with it.
CATEGORIES: Final = (
    Category("injury", 4, "speaks of an injury", "けがや体への害"),
    Category("fire", 4, "speaks of fire, smoke or heat", "火・煙・異常な熱"),
    Category("poisoning", 4, "speaks of sickness from food", "食べて体調を崩した"),
    Category("allergy", 4, "speaks of an allergy", "アレルギー"),
    Category("danger", 4, "speaks of danger", "危険"),
    Category("data_leak", 4, "speaks of exposed data", "情報漏えい・不正アクセス"),
    Category("fraud", 4, "speaks of fraud", "詐欺・不正"),
    Category("legal", 4, "brings in lawyers, police or authorities", "法的手段・当局"),
    Category("leaving", 3, "is leaving for good", "利用をやめる"),
    Category("boycott", 3, "warns others off", "他の人への警告"),
    Category("stranded", 3, "is left without something vital", "足止め・使えず困っている"),
    Category("discrimination", 3, "speaks of discrimination or harassment", "差別・嫌がらせ"),
    Category("foreign_body", 3, "found something that must not be there", "異物・衛生"),
    Category("unanswered", 2, "got no answer", "連絡・対応がない"),
    Category("repeated", 2, "says it goes on or comes back", "繰り返し・長引いている"),
    Category("broken", 2, "says something is broken", "故障・不具合"),
    Category("late", 2, "says something is late or missing", "遅れ・届かない"),
    Category("wrong", 2, "says something is not as agreed", "間違い・話が違う"),
    Category("money", 2, "speaks of money wrongly taken or not returned", "お金の不満"),
    Category("rude", 2, "speaks of bad treatment", "接客・対応が悪い"),
    Category("angry", 1, "is angry", "怒り・失望"),
    Category("wish", 1, "asks for something to be put right", "改善の要望"),
    Category("resolved", 0, "says it is solved", "解決済み"),
    Category("joking", 0, "sounds like a joke", "冗談めかし"),
    Category("question", 0, "asks something", "質問"),
    Category("thanks", 0, "thanks", "お礼"),
    Category("praise", 0, "praises", "ほめている"),
    Category("giveaway", 0, "is a giveaway", "プレゼント企画"),
    Category("advert", 0, "advertises", "宣伝"),
    Category("hiring", 0, "offers a job", "求人"),
    Category("news", 0, "reads like news or stock talk", "ニュース・株"),
    Category("quoting", 0, "tells what others say", "他の人の声"),
    Category("addressed", 0, "speaks to an account", "アカウント宛て"),
    Category("linking", 0, "links to something", "リンクあり"),
)
INDEX: Final = {category.name: i for i, category in enumerate(CATEGORIES)}


class Hit(NamedTuple):
    """One phrase found: its category's index and its place in the folded text."""

    category: int
    start: int
    stop: int


class Cues(NamedTuple):
    """What was found in a batch: `present[i, c]` for post i and category c, and the hits themselves, by post."""

    present: NDArray[np.bool_]
    post: NDArray[np.int64]
    category: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]

    def by_post(self) -> list[list[Hit]]:
        """The hits of each post, in order of place."""
        rows = zip(self.category.tolist(), self.start.tolist(), self.stop.tolist(), strict=True)
        hits = list(map(Hit._make, rows))
        bounds = np.searchsorted(self.post, np.arange(len(self.present) + 1)).tolist()
        return [hits[first:last] for first, last in pairwise(bounds)]


class Scanner:
    """All phrases of the lexicon in one automaton: a batch costs one pass, however many phrases there are."""

    def __init__(self, folder: Path = LEXICON) -> None:
        phrases = _load(folder)
        self._automaton = AhoCorasick(list(phrases), implementation=Implementation.ContiguousNFA)
        entries = list(phrases.values())
        self._category = np.array([entry.category for entry in entries], dtype=np.int64)
        self._whole_left = np.array([entry.whole_left for entry in entries])
        self._whole_right = np.array([entry.whole_right for entry in entries])

    def scan(self, folded: Sequence[str]) -> Cues:
        """The cues of each post of the batch."""
        joined = "\x00".join(["", *folded, ""])
        found = self._automaton.find_matches_as_indexes(joined, overlapping=True)
        rows = np.array(found, dtype=np.int64).reshape(-1, 3)
        pattern, start, stop = rows[:, 0], rows[:, 1], rows[:, 2]
        codes = code_points(joined)
        # A Latin phrase stands between word borders, so that "late" is not found in "chocolate".
        kept = ~(self._whole_left[pattern] & _in_word(codes[start - 1]))
        kept &= ~(self._whole_right[pattern] & _in_word(codes[stop]))
        pattern, start, stop = pattern[kept], start[kept], stop[kept]
        borders = np.flatnonzero(codes == 0)
        post = np.searchsorted(borders, start, side="right") - 1
        category = self._category[pattern]
        present = np.zeros((len(folded), len(CATEGORIES)), dtype=np.bool_)
        present[post, category] = True
        offset = borders[post] + 1
        order = np.lexsort((-stop, start))
        return Cues(present, post[order], category[order], (start - offset)[order], (stop - offset)[order])


class _Entry(NamedTuple):
    category: int
    whole_left: bool
    whole_right: bool


def _load(folder: Path) -> dict[str, _Entry]:
    phrases: dict[str, _Entry] = {}
    for path in sorted(folder.glob("*.yaml")):
        for name, texts in yaml.load(path.read_text("utf-8"), Loader=yaml.CBaseLoader).items():  # noqa: S506 strings only
            for text in texts:
                phrase = text.rstrip("*").lower()
                entry = _Entry(
                    INDEX[name],
                    whole_left=phrase[0].isascii() and phrase[0].isalnum(),
                    whole_right=phrase[-1].isascii() and phrase[-1].isalnum() and not text.endswith("*"),
                )
                phrases.setdefault(phrase, entry)
    return phrases


def _in_word(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.asarray(((codes >= 97) & (codes <= 122)) | ((codes >= 48) & (codes <= 57)))
