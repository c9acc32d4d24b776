"""The classifier: posts in, verdicts out, whole batches at a time; pure, synchronous, safe to run in any thread."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.mark import KINDS, Verdict
from schemas.mention import Author
from workers.classifier import influence, linear, reasons, text
from workers.classifier.cues import Cues, Scanner
from workers.classifier.encoder import SCRIPTS, Encoder, Sketcher, by_script, joined
from workers.classifier.features import grams
from workers.classifier.lang import language
from workers.classifier.linear import Floats
from workers.classifier.severity import severities

WEIGHTS: Final = Path(__file__).parent / "weights" / "weights.npz"

# A stage looks again at a post unless the likeliest kind leads the next by more than this in the stage before, and
# whatever it leads by where the post may be grave, or where stage 1 saw a complaint that stage 2 does not: the sketch
# alone takes none back. Ours; MODEL.md shows what other margins cost and gain.
SKETCH_MARGIN: Final = 0.95
CAREFUL_MARGIN: Final = 0.1
GRAVE: Final = 0.3

# Texts are encoded so many at a time at most: a batch of any size keeps its memory.
BATCH: Final = 2000

_CLAUSE = re.compile(r"[^.!?。！？…\n,、;；「」]+[.!?。！？…]*")
_SHORTEST_CLAUSE_CHARACTERS: Final = 3
_MOST_CLAUSES: Final = 20


class Post(msgspec.Struct, frozen=True):
    """What the classifier may know of a post. `created_at` (RFC 3339) dates the author's account; `brand` is an id.
    `match` says why the post was taken for the brand's, `urls` are what its links lead to, `metrics` X's counts."""

    text: str
    lang: str | None = None
    author: Author | None = None
    brand: str | None = None
    created_at: str | None = None
    match: str | None = None
    urls: list[str] = []
    metrics: dict[str, Any] = {}
    retweet_of: str | None = None
    id: str | None = None

    @property
    def echo(self) -> dict[str, Any] | None:
        """X's counts, where they are the author's own: those of a plain retweet are its original's."""
        return None if self.retweet_of else self.metrics


class _Outputs(NamedTuple):
    scores: linear.Scores
    plain: list[str]
    folded: list[str]
    cues: Cues
    encoded: NDArray[np.int64]
    vectors: Floats | None


class Look(NamedTuple):
    """Verdicts with what was made on the way to them, for whoever judges further: the texts' two forms, and the
    encoder's sketches of the posts that it read, `encoded` by place."""

    verdicts: list[Verdict]
    plain: list[str]
    folded: list[str]
    encoded: NDArray[np.int64]
    vectors: Floats | None


class Classifier:
    """Marks posts: n-grams and cues for all, the encoder's sketch for most, the whole encoder for the uncertain."""

    def __init__(self, weights: dict[str, NDArray[Any]], encoder: Encoder | None) -> None:
        self.version = str(weights["version"])
        self._scanner = Scanner()
        self._fast = linear.GramModel(weights)
        self._sketch = [linear.sketch_model(weights, script) for script in SCRIPTS]
        self._careful = linear.careful_model(weights)
        self._directions = [weights[f"sketch_{script}_directions"] for script in SCRIPTS]
        self._centre = weights["centre"].astype(np.float32)
        self._encoder = encoder
        self._sketcher = None if encoder is None else Sketcher(encoder, weights)
        if encoder is not None:
            encoder.keep(weights["frequent_tokens"])

    def classify(self, posts: Sequence[Post]) -> list[Verdict]:
        """A verdict for each post, in order; whatever the text holds, there is one."""
        return [verdict for look in self.looks(posts) for verdict in look.verdicts]

    def looks(self, posts: Sequence[Post]) -> Iterator[Look]:
        """The same, a batch at a time, with what was made on the way."""
        for first in range(0, len(posts), BATCH):
            yield self._look(posts[first : first + BATCH])

    @property
    def encoder(self) -> Sketcher | None:
        """What gives vectors; None where stage 1 answers alone."""
        return self._sketcher

    def _look(self, posts: Sequence[Post]) -> Look:
        outputs = self._outputs([post.text for post in posts])
        best = outputs.scores.kinds.argmax(axis=1)
        langs = [language(text, post.lang) for text, post in zip(outputs.plain, posts, strict=True)]
        levels = severities(best, outputs.cues.present, outputs.scores.severity)
        said = self._reasons(outputs, best, langs)
        scores = _rounded(outputs.scores.kinds)
        negative = np.round(outputs.scores.negative.astype(np.float64), 4).tolist()
        verdicts = []
        for i, post in enumerate(posts):
            weighed = influence.weigh(post.author, post.created_at, post.echo)
            more = reasons.attention(levels[i], weighed, langs[i] == "ja")
            verdicts.append(
                Verdict(
                    lang=langs[i],
                    kind=KINDS[best[i]],
                    scores=scores[i],
                    negative=negative[i],
                    severity=levels[i],
                    influence=weighed.influence,
                    reasons=said[i] + more if more else said[i],
                )
            )
        return Look(verdicts, outputs.plain, outputs.folded, outputs.encoded, outputs.vectors)

    def _outputs(self, texts: Sequence[str]) -> _Outputs:
        plain = text.plain(texts)
        folded = text.folded(plain)
        cues = self._scanner.scan(folded)
        logits = self._fast.logits(grams(folded), cues)
        again, sketches = np.empty(0, dtype=np.int64), None
        if self._sketcher is not None:
            again = np.flatnonzero(_uncertain_or_grave(linear.scores(logits), SKETCH_MARGIN))
            if len(again):
                texts = [plain[i] for i in again]
                means = self._sketcher.means(texts)
                sketches = self._sketcher.head(means)
                seen = joined(sketches, means, self._centre)
                logits[again] = self._look_again(logits[again], cues.present[again], texts, seen)
        return _Outputs(linear.scores(logits), plain, folded, cues, again, sketches)

    def _look_again(self, logits: Floats, present: NDArray[np.bool_], plain: list[str], seen: Floats) -> Floats:
        """What stage 2 says of posts, and stage 3 of those that it leaves open."""
        found = np.empty_like(logits)
        for model, directions, rows in zip(self._sketch, self._directions, by_script(plain), strict=True):
            narrow = linear.narrowed(seen[rows], directions)
            found[rows] = model.logits(narrow, present[rows], logits[rows])
        open_questions = _uncertain_or_grave(linear.scores(found), CAREFUL_MARGIN)
        still = np.flatnonzero(open_questions | (_complaint(logits) & ~_complaint(found)))
        if self._encoder is not None and len(still):
            means = self._encoder.means([plain[i] for i in still])
            truly = joined(self._encoder.head(means), means, self._centre)
            found[still] = self._careful.logits(truly, present[still], found[still])
        return found

    def _reasons(self, outputs: _Outputs, best: NDArray[np.int64], langs: list[str]) -> list[list[str]]:
        """What each post says; of those without a known phrase, the clause that weighed most."""
        hits = outputs.cues.by_post()
        said = [
            reasons.grounds(KINDS[kind], found, plain, lang == "ja") if found else []
            for kind, found, plain, lang in zip(best.tolist(), hits, outputs.plain, langs, strict=True)
        ]
        without = [i for i, known in enumerate(said) if not known and KINDS[best[i]] not in ("neutral", "irrelevant")]
        decisive = self._decisive(outputs, best, without)
        return [
            [reasons.opening(KINDS[kind], decisive.get(i, ""), langs[i] == "ja"), *said[i]]
            for i, kind in enumerate(best.tolist())
        ]

    def _decisive(self, outputs: _Outputs, best: NDArray[np.int64], posts: list[int]) -> dict[int, str]:
        """The clause of each of the posts that speaks most for its kind, by the fast model: all as one batch."""
        owners = []
        places = []
        for i in posts:
            for place in _clauses(outputs.folded[i]):
                owners.append(i)
                places.append(place)
        if not owners:
            return {}
        clauses = [outputs.folded[i][place] for i, place in zip(owners, places, strict=True)]
        logits = self._fast.logits(grams(clauses), self._scanner.scan(clauses))[:, : len(KINDS)]
        weight = logits[np.arange(len(owners)), best[owners]] - logits.mean(axis=1)
        top: dict[int, int] = {}
        for row, i in enumerate(owners):
            if i not in top or weight[row] > weight[top[i]]:
                top[i] = row
        return {i: outputs.plain[i][places[row]].strip() for i, row in top.items()}


def _uncertain_or_grave(scores: linear.Scores, margin: float) -> NDArray[np.bool_]:
    top = np.partition(scores.kinds, -2, axis=1)[:, -2:]
    near = top[:, 1] - top[:, 0] < margin
    grave = scores.severity[:, 1] * scores.kinds[:, KINDS.index("complaint")] > GRAVE
    return np.asarray(near | grave)


def _complaint(logits: Floats) -> NDArray[np.bool_]:
    return np.asarray(logits[:, : len(KINDS)].argmax(axis=1) == KINDS.index("complaint"))


def _clauses(folded: str) -> list[slice]:
    found = [slice(*match.span()) for match in _CLAUSE.finditer(folded)]
    long_enough = [s for s in found if s.stop - s.start >= _SHORTEST_CLAUSE_CHARACTERS]
    return long_enough[:_MOST_CLAUSES]


def _rounded(probabilities: linear.Floats) -> list[dict[str, float]]:
    """Four digits each; the largest takes the rounding, so that the sum is 1."""
    rounded = np.round(probabilities.astype(np.float64), 4)
    rows = np.arange(len(rounded))
    largest = rounded.argmax(axis=1)
    rounded[rows, largest] = np.round(rounded[rows, largest] + 1.0 - rounded.sum(axis=1), 4)
    return [dict(zip(KINDS, row, strict=True)) for row in rounded.tolist()]


def load_classifier(*, encoder: bool = True) -> Classifier:
    """The shipped classifier. Without the encoder, stage 1 answers alone: faster, less memory, less accurate."""
    return Classifier(linear.load(WEIGHTS), Encoder() if encoder else None)
