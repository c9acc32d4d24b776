"""`python -m workers.classifier.guard`: stage 2 on our own posts, whole industries left out. A guard, not a quality.

A change that makes these figures fall has broken something; that they are high says little, since the same hands wrote
both sides.
"""

from pathlib import Path
from typing import Final

import click
import numpy as np

from schemas.mark import KINDS
from workers.classifier import linear, metrics
from workers.classifier.encoder import Encoder
from workers.classifier.train import corpus_of
from workers.classifier.training import build
from workers.classifier.training.corpus import own_posts

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
    """Print macro-F1 over the six kinds and the recall of grave complaints, per language."""
    rows = own_posts()
    corpus = corpus_of(licensed, rows)
    seen = build.views(corpus.texts, Encoder(), cache)
    industries = sorted({row["industry"] for row in rows})
    fold_of = {industry: i % FOLDS for i, industry in enumerate(industries)}
    fold = np.full(len(corpus.texts), -1)
    fold[: len(rows)] = [fold_of[row["industry"]] for row in rows]
    logits = np.zeros((len(rows), linear.OUTPUTS))
    for i in range(FOLDS):
        kept = fold != i
        part = build.Views(seen.cues[kept], seen.vectors[kept], None)
        model = build.careful(part, corpus.targets[kept], corpus.weights[kept], build.candidates(corpus)[kept])
        out = np.flatnonzero(fold == i)
        logits[out] = build.careful_logits(build.Views(seen.cues[out], seen.vectors[out], None), model)
    scores = linear.scores(logits.astype(np.float32))
    said = [KINDS[k] for k in scores.kinds.argmax(axis=1)]
    for lang in ("ja", "en"):
        chosen = [i for i, row in enumerate(rows) if row["lang"] == lang]
        true = [rows[i]["kind"] for i in chosen]
        macro = metrics.macro_f1([said[i] for i in chosen], true)
        click.echo(f"{lang}: {len(chosen)} posts, macro-F1 {macro * 100:.1f}")
        for kind in KINDS:
            precision, recall, _ = metrics.f1([said[i] for i in chosen], true, kind)
            click.echo(f"    {kind:<11} precision {precision:.2f} recall {recall:.2f}")
        grave = [i for i in chosen if rows[i]["kind"] == "complaint" and rows[i]["severity"] in ("high", "critical")]
        caught = sum(scores.severity[i, 1] >= 0.5 or said[i] == "complaint" for i in grave)
        click.echo(f"    grave complaints found as complaints: {caught} of {len(grave)}")


if __name__ == "__main__":
    main()
