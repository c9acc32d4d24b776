"""`python -m workers.classifier.guard`: stage 3 on our own posts, whole industries left out. A guard, not a quality.

A change that makes these figures fall has broken something; that they are high says little, since the same hands wrote
both sides.
"""

from pathlib import Path
from typing import Final

import click
import numpy as np

from schemas.mark import KINDS, SEVERITIES, Severity
from workers.classifier import linear, metrics
from workers.classifier.encoder import Encoder, joined
from workers.classifier.severity import severities
from workers.classifier.train import corpus_of
from workers.classifier.training import build, calibration
from workers.classifier.training.corpus import Row, own_posts

FOLDS: Final = 5


@click.command()
@click.option(
    "--licensed",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the licensed sets, as for training.",
)
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Keeps the encoder's vectors here.")
def main(licensed: Path, cache: Path | None) -> None:
    """Print macro-F1 over the six kinds and how well severity agrees, per language."""
    rows = own_posts()
    corpus = corpus_of(licensed, rows)
    seen = build.views(corpus.texts, Encoder(), cache)
    view = build.Seen(joined(seen.vectors, seen.means, build.centre(seen.means)), seen.cues)
    candidates = build.candidates(corpus)
    logits = calibration.unseen(rows, view, corpus.targets, corpus.weights, candidates, build.LANDMARKS, FOLDS)
    by = calibration.measured(logits, rows, seen.cues)
    logits = calibration.calibrated(logits, seen.cues[: len(rows)], by)
    scores = linear.scores(logits.astype(np.float32))
    best = scores.kinds.argmax(axis=1)
    said = [KINDS[k] for k in best]
    levels = severities(best, seen.cues[: len(rows)] > 0, scores.severity)
    for lang in ("ja", "en"):
        chosen = [i for i, row in enumerate(rows) if row["lang"] == lang]
        true = [rows[i]["kind"] for i in chosen]
        macro = metrics.macro_f1([said[i] for i in chosen], true)
        click.echo(f"{lang}: {len(chosen)} posts, macro-F1 {macro * 100:.1f}")
        for kind in KINDS:
            precision, recall, _ = metrics.f1([said[i] for i in chosen], true, kind)
            click.echo(f"    {kind:<11} precision {precision:.2f} recall {recall:.2f}")
        _severity([rows[i] for i in chosen], [levels[i] for i in chosen])


def _severity(rows: list[Row], levels: list[Severity]) -> None:
    """How well severity agrees where both say complaint, and how many of the critical ones stay below high."""
    both = [
        (SEVERITIES.index(row["severity"]), SEVERITIES.index(level))
        for row, level in zip(rows, levels, strict=True)
        if row["kind"] == "complaint" and level != "none"
    ]
    kappa = metrics.kappa([a for a, _ in both], [b for _, b in both], len(SEVERITIES), weighted=True)
    critical = [b for a, b in both if a == 4]
    called = [a for a, b in both if b == 4]
    click.echo(f"    severity: weighted kappa {kappa:.2f}; of {len(critical)} critical ones {critical.count(4)} called")
    click.echo(f"    critical and {critical.count(3)} high; of {len(called)} called critical {called.count(4)} are")


if __name__ == "__main__":
    main()
