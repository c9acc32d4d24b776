"""The classifier: posts in, verdicts out, whole batches at a time; pure, synchronous, safe to run in any thread."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.mark import KINDS, Kind, Verdict
from schemas.mention import Author
from workers.classifier import influence, linear, reasons, text
from workers.classifier.cues import Cues, Scanner
from workers.classifier.encoder import Encoder
from workers.classifier.features import grams
from workers.classifier.lang import language
from workers.classifier.severity import severity

WEIGHTS: Final = Path(__file__).parent / "weights" / "weights.npz"

# Stage 2 looks again at a post whose two likeliest kinds are nearer than this in stage 1, or that may be grave (ours:
# about a quarter of the posts; see MODEL.md for what more or less of them costs and gains).
MARGIN: Final = 0.35
GRAVE: Final = 0.3

# Texts are encoded so many at a time at most: a batch of any size keeps its memory.
BATCH: Final = 2000

_CLAUSE = re.compile(r"[^.!?。！？…\n,、;；「」]+[.!?。！？…]*")
_SHORTEST_CLAUSE_CHARACTERS: Final = 3
_MOST_CLAUSES: Final = 20


class Post(msgspec.Struct, frozen=True):
    """What the classifier may know of a post. `created_at` (RFC 3339) dates the author's account; `brand` is an id."""

    text: str
    lang: str | None = None
    author: Author | None = None
    brand: str | None = None
    created_at: str | None = None


class _Outputs(NamedTuple):
    scores: linear.Scores
    plain: list[str]
    folded: list[str]
    cues: Cues


class Classifier:
    """Marks posts: a fast model over n-grams and cues for all of them, an encoder for the uncertain and the grave."""

    def __init__(self, weights: dict[str, NDArray[Any]], encoder: Encoder | None) -> None:
        self.version = str(weights["version"])
        self._scanner = Scanner()
        self._fast = linear.GramModel(weights)
        self._careful = linear.VectorModel(weights)
        self._encoder = encoder

    def classify(self, posts: Sequence[Post]) -> list[Verdict]:
        """A verdict for each post, in order; whatever the text holds, there is one."""
        verdicts: list[Verdict] = []
        for first in range(0, len(posts), BATCH):
            verdicts += self._classify(posts[first : first + BATCH])
        return verdicts

    def _classify(self, posts: Sequence[Post]) -> list[Verdict]:
        outputs = self._outputs([post.text for post in posts])
        best = outputs.scores.kinds.argmax(axis=1)
        decisive = self._decisive(outputs, best)
        return [self._verdict(i, post, outputs, KINDS[best[i]], decisive[i]) for i, post in enumerate(posts)]

    def _outputs(self, texts: Sequence[str]) -> _Outputs:
        plain = text.plain(texts)
        folded = text.folded(plain)
        cues = self._scanner.scan(folded)
        logits = self._fast.logits(grams(folded), cues)
        if self._encoder is not None:
            again = np.flatnonzero(_uncertain_or_grave(linear.scores(logits)))
            if len(again):
                vectors = self._encoder.vectors([plain[i] for i in again])
                logits[again] = self._careful.logits(vectors, cues.present[again], logits[again])
        return _Outputs(linear.scores(logits), plain, folded, cues)

    def _decisive(self, outputs: _Outputs, best: NDArray[np.int64]) -> list[str]:
        """The clause of each post that speaks most for its kind, by the fast model: all clauses as one batch."""
        owners: list[int] = []
        places: list[slice] = []
        for i, folded in enumerate(outputs.folded):
            if KINDS[best[i]] in ("neutral", "irrelevant"):
                continue
            for place in _clauses(folded):
                owners.append(i)
                places.append(place)
        decisive = [""] * len(outputs.plain)
        if not owners:
            return decisive
        clauses = [outputs.folded[i][place] for i, place in zip(owners, places, strict=True)]
        logits = self._fast.logits(grams(clauses), self._scanner.scan(clauses))[:, : len(KINDS)]
        own = logits[np.arange(len(owners)), best[owners]]
        weight = own - logits.mean(axis=1)
        top: dict[int, int] = {}
        for row, i in enumerate(owners):
            if i not in top or weight[row] > weight[top[i]]:
                top[i] = row
        for i, row in top.items():
            decisive[i] = outputs.plain[i][places[row]].strip()
        return decisive

    def _verdict(self, i: int, post: Post, outputs: _Outputs, kind: Kind, decisive: str) -> Verdict:
        scores, cues = outputs.scores, outputs.cues
        lang = language(outputs.plain[i], post.lang)
        weighed = influence.weigh(post.author, post.created_at)
        level = severity(kind, cues.present[i], scores.severity[i])
        japanese = lang == "ja"
        said = [reasons.opening(kind, decisive, japanese)]
        said += reasons.grounds(kind, cues.of(i), outputs.plain[i], japanese)
        said += filter(None, (reasons.about_severity(level, japanese), reasons.about_author(weighed, japanese)))
        return Verdict(
            lang=lang,
            kind=kind,
            scores=_rounded(scores.kinds[i]),
            negative=round(float(scores.negative[i]), 4),
            severity=level,
            influence=weighed.influence,
            reasons=said,
        )


def _uncertain_or_grave(scores: linear.Scores) -> NDArray[np.bool_]:
    top = np.partition(scores.kinds, -2, axis=1)[:, -2:]
    near = top[:, 1] - top[:, 0] < MARGIN
    grave = scores.severity[:, 1] * scores.kinds[:, KINDS.index("complaint")] > GRAVE
    return np.asarray(near | grave)


def _clauses(folded: str) -> list[slice]:
    found = [slice(*match.span()) for match in _CLAUSE.finditer(folded)]
    long_enough = [s for s in found if s.stop - s.start >= _SHORTEST_CLAUSE_CHARACTERS]
    return long_enough[:_MOST_CLAUSES]


def _rounded(probabilities: NDArray[np.float32]) -> dict[str, float]:
    """Four digits each; the largest takes the rounding, so that the sum is 1."""
    rounded = [round(float(p), 4) for p in probabilities]
    largest = max(range(len(rounded)), key=rounded.__getitem__)
    rounded[largest] = round(rounded[largest] + 1.0 - sum(rounded), 4)
    return dict(zip(KINDS, rounded, strict=True))


def load_classifier(*, encoder: bool = True) -> Classifier:
    """The shipped classifier. Without the encoder, stage 1 answers alone: faster, less memory, less accurate."""
    return Classifier(linear.load(WEIGHTS), Encoder() if encoder else None)
