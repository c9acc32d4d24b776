"""What users taught, turned on the posts to come: the same words first, then the likeness to what was taught. Pure.

A lesson says "not that, but this" of one post. The same words again are what the lesson says, near-identical ones
almost surely; for the rest each lesson has a say as far as the post is like it, all of them together within a bound.
The result is worked out from the lessons alone, in no order: to undo one is as if it had never been taught.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.mark import KINDS, Kind
from workers.classifier.training.corpus import own_posts
from workers.incidents.likeness import Features, Likenesses, likenesses
from workers.incidents.teaching import Taught

Floats = NDArray[np.float32]

# All ours, chosen on the posts of `data/relevance`; MODEL.md shows what so many lessons bring.
EXACT: Final = 0.97  # the share of the taught kind where the words are the same
ALIKE: Final = 0.9  # … where they are near-identical: a cosine from here on counts as that
SAME_COSINE: Final = 0.8
_FAR: Final = 0.1  # posts less alike than this share no more than their language and the brand
_STEEP: Final = 1.0
_BOUND: Final = 6.0  # in logits, for all lessons together
_DOUBT: Final = 0.7  # how much likeness it takes to be heard: a single lesson far away says little
_POSTS_AT_ONCE: Final = 256


class Lessons:
    """The lessons in force of one brand, ready to be compared with whole batches."""

    def __init__(self, taught: Sequence[Taught]) -> None:
        self.taught = list(taught)
        self._exact = {one.exact: i for i, one in enumerate(self.taught) if one.exact}
        sizes = [len(one.features) for one in self.taught]
        feature = np.concatenate([one.features for one in self.taught]) if self.taught else np.empty(0, dtype=np.uint16)
        lesson = np.repeat(np.arange(len(self.taught)), sizes)
        weight = rarity()[feature]
        norm = np.sqrt(np.bincount(lesson, weight**2, minlength=len(self.taught)))
        order = np.argsort(feature, kind="stable")
        self._lesson = lesson[order]
        self._weight = (weight / np.maximum(norm, 1e-6)[lesson])[order].astype(np.float32)
        self._starts = np.zeros((1 << 16) + 1, dtype=np.int64)
        np.cumsum(np.bincount(feature, minlength=1 << 16), out=self._starts[1:])
        self._says = np.zeros((len(self.taught), len(KINDS)), dtype=np.float32)
        for i, one in enumerate(self.taught):
            self._says[i, KINDS.index(one.kind)] += 1.0
            if one.kind_before != one.kind:
                self._says[i, KINDS.index(one.kind_before)] -= 1.0

    def judge(self, like: Likenesses, posts: Sequence[int]) -> list["Heard | None"]:
        """What the lessons say of these posts of the batch; None where they say nothing."""
        heard: list[Heard | None] = []
        if not self.taught:
            return [None] * len(posts)
        for first in range(0, len(posts), _POSTS_AT_ONCE):
            some = posts[first : first + _POSTS_AT_ONCE]
            cosines = self._cosines([like.of(i) for i in some])
            near = np.clip((cosines - _FAR) / (1.0 - _FAR), 0.0, 1.0) ** _STEEP
            total = near.sum(axis=1)
            push = _BOUND * (near @ self._says) / (_DOUBT + total)[:, None]
            for row, i in enumerate(some):
                heard.append(self._heard(like.exact[i], cosines[row], push[row]))
        return heard

    def _heard(self, exact: int, cosines: Floats, push: Floats) -> "Heard | None":
        if (same := self._exact.get(exact)) is not None:
            return Heard(self.taught[same], EXACT, push)
        best = int(cosines.argmax())
        if cosines[best] >= SAME_COSINE:
            return Heard(self.taught[best], ALIKE, push)
        return Heard(self.taught[best], None, push) if np.abs(push).max() >= 0.01 else None

    def _cosines(self, posts: Sequence[Features]) -> Floats:
        feature = np.concatenate(posts).astype(np.int64)
        post = np.repeat(np.arange(len(posts)), [len(one) for one in posts])
        weight = rarity()[feature]
        norm = np.sqrt(np.bincount(post, weight**2, minlength=len(posts)))
        first, count = self._starts[feature], self._starts[feature + 1] - self._starts[feature]
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)
        cell = np.repeat(post, count) * len(self.taught) + self._lesson[place]
        products = np.repeat(weight, count) * self._weight[place]
        sums = np.bincount(cell, products, minlength=len(posts) * len(self.taught)).reshape(len(posts), -1)
        return np.asarray(sums / np.maximum(norm, 1e-6)[:, None], dtype=np.float32)


class Heard(NamedTuple):
    """What lessons say of a post: the nearest lesson; the share of its kind where the post is as good as the same;
    and what all of them add to the logit of each kind."""

    nearest: Taught
    share: float | None
    push: Floats

    def scores(self, before: dict[str, float]) -> dict[str, float]:
        """The post's scores with the lessons heard."""
        if self.share is not None:
            rest = sum(score for kind, score in before.items() if kind != self.nearest.kind) or 1.0
            left = 1.0 - self.share
            scores = {kind: left * score / rest for kind, score in before.items()}
            return scores | {self.nearest.kind: self.share}
        logits = np.log(np.array([before[kind] for kind in KINDS]) + 1e-3) + self.push
        shares = np.exp(logits - logits.max())
        return dict(zip(KINDS, (shares / shares.sum()).tolist(), strict=True))

    def reason(self, kind: Kind, japanese: bool) -> str:
        """Why the post is this kind, where the lessons have changed it."""
        who, post = self.nearest.taught_by, self.nearest.post
        if self.share is not None:
            return (
                f"{who}さんが判定した投稿{post}とほぼ同じ文"
                if japanese
                else f"says what post {post} does, which {who} marked"
            )
        if japanese:
            return f"利用者が教えた投稿に似ている (例: {post}、{who}さん)"
        return f"like what users marked {kind} (post {post}, by {who})"


def by_brand(taught: Sequence[Taught]) -> dict[str, Lessons]:
    """The lessons of each brand."""
    found: dict[str, list[Taught]] = defaultdict(list)
    for one in taught:
        found[one.brand].append(one)
    return {brand: Lessons(lessons) for brand, lessons in found.items()}


@cache
def rarity() -> Floats:
    """How much each feature says, the rarer in our own posts the more: what all posts share tells none from another."""
    like = likenesses([row["text"] for row in own_posts()])
    seen = np.bincount(like.features, minlength=1 << 16)
    posts = len(like.exact)
    return np.asarray(np.log((posts + 1) / (seen + 1)), dtype=np.float32)
