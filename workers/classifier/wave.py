"""Copy-paste waves: posts of a brand that are near-identical to others within a day, found in bounded memory.

What is remembered is this process's own: after a restart a wave is counted anew, and of several classifiers each sees
the posts of its partitions. So a wave alone decides little: it makes promotion of what promotes, and hides no
complaint, since a thousand people who are angry with the same words are a thousand angry people.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.mark import Kind
from workers.incidents.likeness import Features, Likenesses, jaccard

# All ours.
WAVE_POSTS: Final = 5  # near-identical ones from this one on are a wave
MOST_WAVES: Final = 5_000  # texts remembered, the last seen (some 10 MB)
MOST_MEMBERS: Final = 500  # ids and accounts remembered of each, the latest; those before are a number alone
WINDOW_MILLIS: Final = 24 * 3600 * 1000
_NEAR: Final = 0.7  # the share of features in common
_FEWEST_FEATURES: Final = 10  # a handful of words is said again by chance
_PROMOTES: Final = 0.1  # from this score of promotion on, a wave makes it one

# Four smallest numbers under four orders; two texts that share half of their features agree on a pair of them often.
_ORDERS: Final = (0x9E37, 0x85EB, 0xC2B3, 0x27D5)
_PAIRS: Final = ((0, 1), (2, 3), (0, 2), (1, 3))


class Wave(NamedTuple):
    """How many near-identical posts there were within a day, this one among them, by how many accounts."""

    posts: int
    accounts: int


class _Text:
    """One text that was seen."""

    __slots__ = ("accounts", "beyond", "beyond_at", "exact", "features", "keys", "last_at", "members")

    def __init__(self, exact: int, features: Features, keys: Sequence[tuple[str, int, int, int]]) -> None:
        self.exact, self.features, self.keys = exact, features, keys
        self.members: OrderedDict[str, tuple[int, str]] = OrderedDict()  # by id: when, and whose
        self.accounts: Counter[str] = Counter()
        self.last_at = 0
        self.beyond = self.beyond_at = 0

    def count(self, post: "Posted") -> Wave:
        """How the text stands with this post."""
        if abs(post.at - self.last_at) > WINDOW_MILLIS or not self.members:
            self.members.clear()
            self.accounts.clear()
            self.beyond, self.last_at = 0, post.at
        self.last_at = max(self.last_at, post.at)
        while self.members and next(iter(self.members.values()))[0] < self.last_at - WINDOW_MILLIS:
            self._forget_first()
        if self.beyond_at < self.last_at - WINDOW_MILLIS:
            self.beyond = 0
        if post.id not in self.members:
            self.members[post.id] = (post.at, post.account)
            self.accounts[post.account] += 1
            if len(self.members) > MOST_MEMBERS:
                self._forget_first()
                self.beyond, self.beyond_at = self.beyond + 1, self.last_at
        return Wave(len(self.members) + self.beyond, len(self.accounts))

    def _forget_first(self) -> None:
        _, (_, account) = self.members.popitem(last=False)
        self.accounts[account] -= 1
        if not self.accounts[account]:
            del self.accounts[account]


class Waves:
    """The texts of the last day, by what they look like; the one seen least lately is forgotten first."""

    def __init__(self) -> None:
        self._texts: OrderedDict[int, _Text] = OrderedDict()
        self._by_key: dict[tuple[str, int, int, int], int] = {}
        self._next = 0

    def look(self, like: Likenesses, posts: Sequence["Posted"]) -> list[Wave | None]:
        """The wave that each post of the batch is in, in order; None where it is in none. A post that comes again
        counts once."""
        least = _least(like)
        return [self._one(like, least, i, post) for i, post in enumerate(posts)]

    def _one(self, like: Likenesses, least: NDArray[np.int64], i: int, post: "Posted") -> Wave | None:
        features = like.of(i)
        if len(features) < _FEWEST_FEATURES:
            return None
        row = least[i]
        keys = [(post.brand, number, int(row[a]), int(row[b])) for number, (a, b) in enumerate(_PAIRS)]
        text = self._find(keys, like.exact[i], features) or self._remember(keys, like.exact[i], features)
        found = text.count(post)
        return found if found.posts >= WAVE_POSTS else None

    def _find(self, keys: Sequence[tuple[str, int, int, int]], exact: int, features: Features) -> _Text | None:
        for key in keys:
            number = self._by_key.get(key)
            if number is None:
                continue
            text = self._texts[number]
            if text.exact == exact or jaccard(text.features, features) >= _NEAR:
                self._texts.move_to_end(number)
                return text
        return None

    def _remember(self, keys: Sequence[tuple[str, int, int, int]], exact: int, features: Features) -> _Text:
        text = _Text(exact, features.copy(), keys)
        self._texts[self._next] = text
        for key in keys:
            self._by_key[key] = self._next
        self._next += 1
        if len(self._texts) > MOST_WAVES:
            number, forgotten = self._texts.popitem(last=False)
            for key in forgotten.keys:
                if self._by_key.get(key) == number:
                    del self._by_key[key]
        return text


class Posted(NamedTuple):
    """What a wave needs to know of a post: its brand, its id, its author (`""` where unknown), its time."""

    brand: str
    id: str
    account: str
    at: int


def becomes_promotion(kind: Kind, promotes: bool, promotion: float) -> bool:
    """Whether a post that a wave is made of is promotion: never one that complains, never one that promotes nothing.

    `promotes`: the text links somewhere or shows another sign; `promotion`: the classifier's score.
    """
    if kind == "complaint":
        return False
    return promotes if kind == "question" else promotes or promotion >= _PROMOTES


def _least(like: Likenesses) -> NDArray[np.int64]:
    """Of each text the smallest of its features under each order; 0 for a text without any."""
    sizes = np.diff(like.starts)
    found = np.zeros((len(sizes), len(_ORDERS)), dtype=np.int64)
    some = np.flatnonzero(sizes)
    if len(some):
        for column, order in enumerate(_ORDERS):
            mixed = (like.features.astype(np.uint32) * np.uint32(order * 2 + 1) + np.uint32(order)) & np.uint32(0xFFFF)
            mixed ^= mixed >> np.uint32(7)
            found[some, column] = np.minimum.reduceat(mixed, like.starts[:-1][some])
    return found
