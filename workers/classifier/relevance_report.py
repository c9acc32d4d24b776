"""How well posts about a brand are told from those that only hold its name, before any is marked: our labelled posts.

The brands in FITTED were looked at while the weights were chosen; the others were not, and are what we quote.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from config.brands import Brand, load_brands
from schemas.mark import KINDS, Verdict
from workers.classifier import metrics
from workers.classifier.judge import Judge, scored
from workers.classifier.model import Classifier, Post
from workers.classifier.teaching import Lessons
from workers.incidents.likeness import Likenesses, likenesses
from workers.incidents.teaching import Taught

DATA: Final = Path(__file__).parent / "data" / "relevance"
FITTED: Final = frozenset({"apple", "supercup-ice", "polo", "line-app", "visa", "kirin"})
KNOWN: Final[dict[str, dict[str, Any]]] = {
    "keywords, context, description": {},
    "keywords, context": {"description": ""},
    "keywords, description": {"context": ()},
    "keywords alone": {"description": "", "context": ()},
}


class Row(NamedTuple):
    """A post with whether it is about the brand."""

    brand: str
    text: str
    lang: str
    about: bool


class Figures(NamedTuple):
    """Of the posts that are not about the brand: how many are found, how many of the found are, and what is lost."""

    rows: int
    precision: float
    recall: float
    lost: int
    about: int
    auc: float


def rows() -> list[Row]:
    """Our labelled posts."""
    return [Row(**json.loads(line)) for line in (DATA / "posts.jsonl").read_text("utf-8").splitlines()]


def brands(known: str) -> list[Brand]:
    """Their brands, with only so much said of them."""
    return [brand.model_copy(update=KNOWN[known]) for brand in load_brands(DATA / "brands.yaml")]


def judged(classifier: Classifier, labelled: Sequence[Row], known: str) -> list[Verdict]:
    """What the shipped judge says of each."""
    judge = Judge(classifier)
    judge.prepare(brands(known))
    return judge.classify([Post(text=row.text, lang=row.lang, brand=row.brand) for row in labelled])


def figures(labelled: Sequence[Row], verdicts: Sequence[Verdict]) -> Figures:
    """Precision and recall of `irrelevant`, and the ranking by its score."""
    strange = np.array([not row.about for row in labelled])
    called = np.array([verdict.kind == "irrelevant" for verdict in verdicts])
    scores = np.array([verdict.scores["irrelevant"] for verdict in verdicts])
    found = int((called & strange).sum())
    return Figures(
        rows=len(labelled),
        precision=found / max(int(called.sum()), 1),
        recall=found / max(int(strange.sum()), 1),
        lost=int((called & ~strange).sum()),
        about=int((~strange).sum()),
        auc=metrics.auc(scores, strange),
    )


def table(classifier: Classifier) -> list[tuple[str, str]]:
    """The lines of the report: what is said of the brands, and the figures."""
    labelled = rows()
    lines = []
    for known in KNOWN:
        verdicts = judged(classifier, labelled, known)
        for name, wanted in (("14 brands", None), ("8 unseen", False)):
            chosen = [i for i, row in enumerate(labelled) if wanted is None or row.brand not in FITTED]
            lines.append((f"relevance, {name}", f"{known}: {_said([labelled[i] for i in chosen], verdicts, chosen)}"))
        if known == next(iter(KNOWN)):
            for marks in (1, 3, 6):
                after = f"after {marks} wrong ones of each brand were put right"
                lines.append(("relevance, taught", f"{after}: {_words(taught(labelled, verdicts, marks))}"))
            for lang in ("ja", "en"):
                chosen = [i for i, row in enumerate(labelled) if row.lang == lang]
                said = _said([labelled[i] for i in chosen], verdicts, chosen)
                lines.append((f"relevance, {lang}", f"{known}: {said}"))
    return lines


def taught(labelled: Sequence[Row], verdicts: Sequence[Verdict], marks: int) -> Figures:
    """The same after a user has put right so many wrong ones of each brand, the first of the file; those left out."""
    like = likenesses([row.text for row in labelled])
    kept: list[tuple[Row, Verdict]] = []
    for brand in dict.fromkeys(row.brand for row in labelled):
        places = [i for i, row in enumerate(labelled) if row.brand == brand]
        wrong = [i for i in places if (verdicts[i].kind == "irrelevant") == labelled[i].about][:marks]
        lessons = Lessons([_lesson(labelled[i], verdicts[i], like, i) for i in wrong])
        rest = [i for i in places if i not in wrong]
        for i, heard in zip(rest, lessons.judge(like, rest), strict=True):
            kept.append(
                (labelled[i], verdicts[i] if heard is None else scored(verdicts[i], heard.scores(verdicts[i].scores)))
            )
    return figures([row for row, _ in kept], [verdict for _, verdict in kept])


def _lesson(row: Row, verdict: Verdict, like: Likenesses, i: int) -> Taught:
    """What a user would say of a post that was taken wrong."""
    others = {kind: score for kind, score in verdict.scores.items() if kind != "irrelevant"}
    kind = max(KINDS[:-1], key=others.__getitem__) if row.about else KINDS[-1]
    return Taught(row.brand, str(i), kind, verdict.kind, "", like.exact[i], like.of(i))


def _said(labelled: Sequence[Row], verdicts: Sequence[Verdict], chosen: Sequence[int]) -> str:
    return _words(figures(labelled, [verdicts[i] for i in chosen]))


def _words(f: Figures) -> str:
    return (
        f"irrelevant: precision {f.precision:.2f}, recall {f.recall:.2f}, AUC {f.auc:.3f}; "
        f"{f.lost} of {f.about} relevant posts lost ({f.rows} posts)"
    )
