"""What is known of the brands before anybody has marked a post: their words, what goes with them, what they sell."""

import re
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from ahocorasick_rs import AhoCorasick, Implementation
from numpy.typing import NDArray

from config.brands import Brand
from config.keywords import PROLONGED, MatchRule, default_rule
from workers.classifier import text
from workers.classifier.relevance_topics import TOPICS

Floats = NDArray[np.float32]
Role = Literal["keyword", "context", "description", "exclude", "exclude_posts", "business"]

_LATIN_TERM: Final = re.compile(r"[a-z][a-z'-]{2,}")
_KANA_TERM: Final = re.compile("[\u30a1-\u30fa\u30fc]{2,}|[\u4e00-\u9fff\u3005]{2,}")
_STOP: Final = frozenset({
    "the", "and", "for", "with", "from", "that", "this", "our", "your", "their", "its", "are", "has", "company",
    "brand", "maker", "makes", "sells", "sold", "online", "service", "services", "products", "product", "所在", "会社",
    "企業", "メーカー", "ブランド", "サービス", "製品", "商品", "販売",
})  # fmt: skip
_OWN_TOPIC: Final = 0.45  # ours: a topic so near to what the brand says of itself is its own
_SENSE_FROM: Final = 0.1  # ours: a topic nearer to the bare name than this may be what the name means
_SENSE_WIDTH: Final = 0.2
_SHORTEST_IN_HANDLES: Final = 4  # ours: shorter ones stand in names of accounts by chance
_LATIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")

# Talk of a company, whatever it sells: buying, paying, asking, being served.
_BUSINESS: Final = (
    "customer service", "support", "refund", "store", "shop", "app", "website", "contract", "bill", "charged",
    "subscription", "delivery", "warranty", "discount", "shares", "profits", "staff", "on hold", "recall", "cancelled",
    "サポート", "問い合わせ", "店員", "店舗", "返金", "解約", "請求", "契約", "アプリ", "値上げ", "売って", "買った",
    "新作", "新商品", "限定", "公式", "対応", "電話", "オペレーター", "株価", "決算", "キャンペーン", "返品", "注文",
    "cm", "広告", "新店", "閉店", "在庫", "入荷",
)  # fmt: skip


class Hit(NamedTuple):
    """A brand's word found in a text, at its place in the folded text; brand -1 for words of any business."""

    brand: int
    role: Role
    word: str
    start: int
    stop: int


class Profile(NamedTuple):
    """One brand: how its name is written, its accounts, what it is near to, and who has the same name."""

    brand: Brand
    cased: frozenset[str]
    """Keywords of Latin letters with a capital, as written: for them, case tells the name from the word."""
    accounts: frozenset[str]
    patterns: tuple[str, ...]
    """Keywords as they stand in folded texts."""
    squeezed: frozenset[str]
    """Keywords of Latin letters as they stand in names of accounts: without spaces and signs."""
    near: Floats | None
    """Vectors of the description's parts, of the context's words and of all together; None without any."""
    namesakes: tuple[int, ...]
    """Brands of the file that share a keyword."""


class Profiles:
    """All brands of the file, their words in one automaton: a batch is read once."""

    def __init__(self, brands: Sequence[Brand], vectors: Callable[[Sequence[str]], Floats] | None = None) -> None:
        self.brands = tuple(brands)
        self.number = {brand.id: i for i, brand in enumerate(self.brands)}
        names = [frozenset(_pattern(keyword.text) for keyword in brand.keywords) for brand in self.brands]
        self.profiles = [
            Profile(
                brand,
                frozenset(_pattern(k.text) for k in brand.keywords if k.text.isascii() and k.text != k.text.lower()),
                frozenset((*brand.handles, *brand.own)),
                tuple(_pattern(keyword.text) for keyword in brand.keywords),
                frozenset(one for k in brand.keywords if len(one := _squeezed(k.text)) >= _SHORTEST_IN_HANDLES),
                _near(brand, vectors) if vectors is not None else None,
                tuple(j for j, other in enumerate(names) if j != i and other & names[i]),
            )
            for i, brand in enumerate(self.brands)
        ]
        says_something = any(profile.near is not None for profile in self.profiles)
        self._topics = (
            vectors([name for topic in TOPICS for name in topic]) if vectors is not None and says_something else None
        )
        self.senses = [
            self._senses(brand, profile.near, vectors)
            for brand, profile in zip(self.brands, self.profiles, strict=True)
        ]
        """Of each brand, how far each topic may be what its name means otherwise: 0 its own or far from the name."""
        self._uses: dict[str, list[tuple[int, Role, str, MatchRule]]] = {}
        for i, brand in enumerate(self.brands):
            self._add_words(i, brand)
        for word in _BUSINESS:
            self._uses.setdefault(word, []).append((-1, "business", word, default_rule(word)))
        self._kinds = list(self._uses.values())
        self._automaton = AhoCorasick(list(self._uses), implementation=Implementation.ContiguousNFA)

    def _add_words(self, number: int, brand: Brand) -> None:
        roles: tuple[Role, ...] = ("keyword", "context", "exclude", "exclude_posts")
        known = set()
        for role in roles:
            for keyword in getattr(brand, "keywords" if role == "keyword" else role):
                pattern = _pattern(keyword.text)
                if pattern:
                    known.add(pattern)
                    self._uses.setdefault(pattern, []).append((number, role, keyword.text, keyword.rule))
        for term in terms(f"{brand.name} {brand.description}"):
            if term not in known and not any(term in pattern for pattern in known):
                self._uses.setdefault(term, []).append((number, "description", term, default_rule(term)))

    def _senses(self, brand: Brand, near: Floats | None, vectors: Callable[[Sequence[str]], Floats] | None) -> Floats:
        if near is None or self._topics is None or vectors is None:
            return np.zeros(len(TOPICS), dtype=np.float32)
        words = [word for keyword in brand.keywords for word in (keyword.text, keyword.text.lower())]
        names = vectors(text.plain(words))
        may_mean = ((self._topics @ names.T).reshape(len(TOPICS), -1).max(axis=1) - _SENSE_FROM) / _SENSE_WIDTH
        own = (self._topics @ near.T).reshape(len(TOPICS), -1).max(axis=1) >= _OWN_TOPIC
        return np.asarray(np.where(own, 0.0, np.clip(may_mean, 0.0, 1.0)), dtype=np.float32)

    def topics(self, vectors: Floats) -> Floats:
        """How near each post is to each topic, in the nearer of its two languages."""
        if self._topics is None:
            return np.zeros((len(vectors), len(TOPICS)), dtype=np.float32)
        return np.asarray((vectors @ self._topics.T).reshape(len(vectors), len(TOPICS), -1).max(axis=2))

    def find(self, folded: Sequence[str]) -> list[list[Hit]]:
        """Every brand's words in each text of the batch, those that must stand alone only where they do."""
        joined = "\x00".join(["", *folded, ""])
        borders = np.flatnonzero(text.code_points(joined) == 0).tolist()
        found: list[list[Hit]] = [[] for _ in folded]
        place, last = 0, len(folded) - 1
        for pattern, start, stop in self._automaton.find_matches_as_indexes(joined, overlapping=True):
            while place < last and borders[place + 1] < start:
                place += 1
            if joined[stop] == PROLONGED:
                stop += 1
            for brand, role, word, rule in self._kinds[pattern]:
                if rule == "anywhere" or _stands_alone(joined, start, stop):
                    offset = borders[place] + 1
                    found[place].append(Hit(brand, role, word, start - offset, stop - offset))
        return found


def terms(words: str) -> list[str]:
    """The words of a description that tell something: Latin words, rows of katakana, rows of kanji."""
    folded = _pattern(words)
    found = [term for term in _LATIN_TERM.findall(folded) if term not in _STOP]
    found += [term for term in _KANA_TERM.findall(folded) if term not in _STOP]
    return list(dict.fromkeys(found))


def _pattern(words: str) -> str:
    """Words in the spelling of folded texts, without a final ー, which is optional."""
    folded = text.folded(text.plain([words]))[0]
    return folded.rstrip(PROLONGED) or folded


def _squeezed(words: str) -> str:
    return re.sub("[^0-9a-z]", "", words.lower()) if words.isascii() else ""


def _near(brand: Brand, vectors: Callable[[Sequence[str]], Floats]) -> Floats | None:
    parts = [part.strip() for part in re.split(r"[/／\n]", brand.description) if part.strip()]
    words = [keyword.text for keyword in brand.context]
    if not parts and not words:
        return None
    return vectors(text.plain([*parts, *words, " ".join([*parts, *words])]))


def _stands_alone(joined: str, start: int, stop: int) -> bool:
    """No letter of the same kind goes on beside it."""
    for inside, outside in ((joined[start], joined[start - 1]), (joined[stop - 1], joined[stop])):
        if script(inside) & script(outside):
            return False
    return True


def script(character: str) -> int:
    """1 Latin letters and digits, 2 hiragana, 4 katakana, 6 for the mark that prolongs either, 8 kanji, 0 the rest."""
    if character in _LATIN or "\u00df" <= character <= "\u024f":
        return 1
    if character == PROLONGED:
        return 6
    if "\u3041" <= character <= "\u3096":
        return 2
    if "\u30a1" <= character <= "\u30fa":
        return 4
    return 8 if "\u4e00" <= character <= "\u9fff" or character == "々" else 0
