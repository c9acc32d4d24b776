"""`python -m workers.classifier.evaluate`: the shipped classifier on sets that nothing of it was trained on."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from workers.classifier import metrics, relevance_report
from workers.classifier.model import Classifier, Post, load_classifier

# The mix on which speed is stated: half of the texts Japanese, cut and joined to about this many characters each.
MEAN_CHARACTERS: Final = 60
SPEED_POSTS: Final = 4000

Row = dict[str, Any]


@click.command()
@click.option(
    "--sets",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with complaints_en, airline_en, hotel_ja and shop_ja as JSON lines (see MODEL.md).",
)
@click.option("--fast-only", is_flag=True, help="Without the encoder: what stage 1 does alone.")
@click.option("--peers", "python", default=sys.executable, help="The Python that has VADER, oseti and asari.")
def main(sets: Path, fast_only: bool, python: str) -> None:
    """Print the table: quality on each set beside its peers, calibration, speed, start-up and memory."""
    started = time.monotonic()
    classifier = load_classifier(encoder=not fast_only)
    ready = time.monotonic() - started
    rows = {name: _rows(sets / f"{name}.jsonl") for name in ("complaints_en", "airline_en", "hotel_ja", "shop_ja")}
    others = _peers(python, sets)
    _complaints(classifier, rows["complaints_en"], others["complaints_en"])
    for name in ("airline_en", "hotel_ja", "shop_ja"):
        _negative(classifier, name, rows[name], others[name])
    for what, figure in relevance_report.table(classifier):
        _print(what, figure)
    _speed("stage 1", load_classifier(encoder=False), rows)
    if not fast_only:
        _speed("whole cascade", classifier, rows)
    _print("start-up", f"{ready:.2f} s")
    _print("memory", f"{_resident_megabytes():.0f} MB with the sets loaded")


def _peers(python: str, sets: Path) -> dict[str, list[str]]:
    """In a process of their own, so that neither our memory nor our packages are theirs."""
    command = [python, "-m", "workers.classifier.peers", str(sets)]
    found: dict[str, list[str]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603
    return found


def _complaints(classifier: Classifier, rows: list[Row], others: list[str]) -> None:
    # Rows of the domains "random_*" were never annotated: everything there counts as "other" whatever it says.
    annotated = [row for row in rows if not row["domain"].startswith("random")]
    verdicts = classifier.classify([Post(text=row["text"], lang=row["lang"]) for row in annotated])
    scores = np.array([verdict.scores["complaint"] for verdict in verdicts])
    positive = np.array([row["label"] == "complaint" for row in annotated])
    said = ["complaint" if verdict.kind == "complaint" else "other" for verdict in verdicts]
    macro = metrics.macro_f1(said, [row["label"] for row in annotated])
    error = metrics.calibration_error(scores, positive)
    _print("complaints_en, annotated", f"complaint AUC {metrics.auc(scores, positive):.3f}, macro-F1 {macro * 100:.1f}")
    _print(
        "complaints_en, annotated",
        f"calibration error {error:.3f} (mean {scores.mean():.2f}, true {positive.mean():.2f})",
    )
    for other in others:
        _print("  peer", other)


def _negative(classifier: Classifier, name: str, rows: list[Row], others: list[str]) -> None:
    verdicts = classifier.classify([Post(text=row["text"], lang=row["lang"]) for row in rows])
    positive = np.array([row["label"] == "negative" for row in rows])
    negative = np.array([verdict.negative for verdict in verdicts])
    _print(name, f"negative AUC {metrics.auc(negative, positive):.3f}")
    for other in others:
        _print("  peer", other)


def _speed(name: str, classifier: Classifier, rows: dict[str, list[Row]]) -> None:
    posts = _mix(rows)
    mean = sum(len(post.text) for post in posts) / len(posts)
    classifier.classify(posts[:200])
    started = time.process_time()
    classifier.classify(posts)
    seconds = time.process_time() - started
    _print(
        name,
        f"{len(posts) / seconds:,.0f} posts/s of CPU time (half Japanese, mean {mean:.0f} characters)",
    )


def _mix(rows: dict[str, list[Row]]) -> list[Post]:
    english = [row["text"] for row in rows["airline_en"]]
    japanese = [f"{a['text']} {b['text'][:90]}" for a, b in zip(rows["hotel_ja"], rows["shop_ja"], strict=False)]
    chosen = [text[:75] for text in english[: SPEED_POSTS // 2]] + [text[:60] for text in japanese[: SPEED_POSTS // 2]]
    order = np.random.default_rng(0).permutation(len(chosen))
    return [Post(text=chosen[i]) for i in order]


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _resident_megabytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _print(what: str, figure: str) -> None:
    click.echo(f"{what:<26}{figure}")


if __name__ == "__main__":
    main()
