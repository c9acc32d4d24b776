"""The backtest counts what it says it counts."""

from schemas.mark import KINDS, Kind, Verdict
from workers.classifier import backtest


def _verdict(kind: Kind, complaint: float, lang: str = "en") -> Verdict:
    scores = dict.fromkeys(KINDS, 0.0) | {"complaint": complaint}
    return Verdict(lang=lang, kind=kind, scores=scores, negative=0.0, severity="none", influence="none", reasons=[])


VERDICTS = [
    _verdict("complaint", 0.9),
    _verdict("complaint", 0.9, "ja"),
    _verdict("praise", 0.1),
    _verdict("neutral", 0.1),
]
TRUE = ["complaint", "neutral", "praise", "complaint"]


def test_precision_recall_and_confusion() -> None:
    found = backtest.report(TRUE, VERDICTS)
    assert found["kinds"]["all"]["complaint"] == {"precision": 0.5, "recall": 0.5, "rows": 2}
    assert found["kinds"]["ja"]["complaint"] == {"precision": 0.0, "recall": 0.0, "rows": 0}
    assert found["confusion"]["complaint"]["neutral"] == 1
    assert sum(sum(row.values()) for row in found["confusion"].values()) == len(TRUE)


def test_reliability_by_score() -> None:
    low, high = backtest.report(TRUE, VERDICTS)["reliability"]
    assert (low["score"], low["complaints"], low["rows"]) == (0.1, 0.5, 2)
    assert (high["score"], high["complaints"], high["rows"]) == (0.9, 0.5, 2)


def test_text_shows_every_part_and_labels_of_others_are_read() -> None:
    shown = backtest.as_text(backtest.report(TRUE, VERDICTS))
    assert "4 rows" in shown
    assert "confusion" in shown
    assert "reliability" in shown
    assert backtest.as_text(backtest.report([], []))
    assert [backtest.kind_of(label) for label in ("negative", "praise", "banana")] == ["complaint", "praise", None]
