"""Measures the classifier on labelled rows: precision and recall, reliability and the confusion matrix."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from schemas.mark import KINDS, Verdict

# A file may hold any kinds that we have, or coarser labels; these are read as ours.
ALIASES: Final = {"negative": "complaint", "positive": "praise", "other": "neutral"}
RELIABILITY_BINS: Final = 10
BAR_CHARACTERS: Final = 40

Report = dict[str, Any]


def kind_of(label: str) -> str | None:
    """Our kind for a label, or None where it means nothing to us."""
    label = ALIASES.get(label, label)
    return label if label in KINDS else None


def report(true: Sequence[str], verdicts: Sequence[Verdict]) -> Report:
    """Everything there is to say, as JSON: `true` holds the kind of each row."""
    said = [verdict.kind for verdict in verdicts]
    langs = sorted({verdict.lang for verdict in verdicts})
    rows = list(zip(true, said, [verdict.lang for verdict in verdicts], strict=True))
    return {
        "rows": len(rows),
        "kinds": {lang: _kinds([row for row in rows if lang in ("all", row[2])]) for lang in ("all", *langs)},
        "confusion": {kind: {other: rows_of(rows, kind, other) for other in KINDS} for kind in KINDS},
        "reliability": _reliability(true, verdicts),
    }


def rows_of(rows: Sequence[tuple[str, str, str]], true: str, said: str) -> int:
    """How many rows of one kind were called another."""
    return sum(row[0] == true and row[1] == said for row in rows)


def _kinds(rows: Sequence[tuple[str, str, str]]) -> dict[str, dict[str, float | int]]:
    found: dict[str, dict[str, float | int]] = {}
    for kind in KINDS:
        hit = rows_of(rows, kind, kind)
        called, there = sum(row[1] == kind for row in rows), sum(row[0] == kind for row in rows)
        if called or there:
            found[kind] = {
                "precision": round(hit / called, 4) if called else 0.0,
                "recall": round(hit / there, 4) if there else 0.0,
                "rows": there,
            }
    return found


def _reliability(true: Sequence[str], verdicts: Sequence[Verdict]) -> list[dict[str, float | int]]:
    """Of the posts with about this score of `complaint`, how many are complaints: equal where it is calibrated."""
    scores = np.array([verdict.scores["complaint"] for verdict in verdicts])
    positive = np.array([kind == "complaint" for kind in true])
    bins = np.minimum((scores * RELIABILITY_BINS).astype(np.int64), RELIABILITY_BINS - 1)
    return [
        {
            "score": round(float(scores[bins == i].mean()), 4),
            "complaints": round(float(positive[bins == i].mean()), 4),
            "rows": int((bins == i).sum()),
        }
        for i in range(RELIABILITY_BINS)
        if (bins == i).any()
    ]


def as_text(found: Report) -> str:
    """The report for a terminal."""
    lines = [f"{found['rows']} rows", ""]
    for lang, kinds in found["kinds"].items():
        lines.append(f"{lang:<12}{'precision':>10}{'recall':>10}{'rows':>8}")
        lines += [f"  {k:<10}{v['precision']:>10.2f}{v['recall']:>10.2f}{v['rows']:>8}" for k, v in kinds.items()]
    lines += ["", "confusion: rows are what the file says, columns what the classifier says"]
    lines.append(" " * 12 + "".join(f"{kind:>11}" for kind in KINDS))
    for kind, row in found["confusion"].items():
        if any(row.values()):
            lines.append(f"{kind:<12}" + "".join(f"{row[other]:>11}" for other in KINDS))
    lines += ["", "reliability of `complaint`: # what it scored, | what was true"]
    for part in found["reliability"]:
        lines.append(f"{part['score']:>6.2f} {_bar(part['score'], part['complaints'])} {part['rows']:>6} rows")
    return "\n".join(lines)


def _bar(score: float, true: float) -> str:
    bar = list("#" * round(score * BAR_CHARACTERS) + " " * BAR_CHARACTERS)[: BAR_CHARACTERS + 1]
    bar[round(true * BAR_CHARACTERS)] = "|"
    return "".join(bar)
