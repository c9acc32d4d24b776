"""How well posts about a brand are told from those that only hold its name, before any is marked: our labelled posts.

The brands in FITTED were looked at while the weights were chosen; the others were not, and are what we quote.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from config.brands import Brand, load_brands
from schemas.mark import Verdict
from workers.classifier import metrics
from workers.classifier.judge import Judge
from workers.classifier.model import Classifier, Post

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
            for lang in ("ja", "en"):
                chosen = [i for i, row in enumerate(labelled) if row.lang == lang]
                said = _said([labelled[i] for i in chosen], verdicts, chosen)
                lines.append((f"relevance, {lang}", f"{known}: {said}"))
    return lines


def _said(labelled: Sequence[Row], verdicts: Sequence[Verdict], chosen: Sequence[int]) -> str:
    f = figures(labelled, [verdicts[i] for i in chosen])
    return (
        f"irrelevant: precision {f.precision:.2f}, recall {f.recall:.2f}, AUC {f.auc:.3f}; "
        f"{f.lost} of {f.about} relevant posts lost ({f.rows} posts)"
    )
