"""`python -m workers.classifier.train`: makes the shipped weights anew from our posts and the licensed sets."""

import time
from pathlib import Path

import click
import numpy as np

from workers.classifier.encoder import Encoder
from workers.classifier.model import WEIGHTS
from workers.classifier.training import build
from workers.classifier.training.corpus import Corpus, add_licensed, add_own, own_posts, unlabelled

# How much a row of each source counts beside one of our own (ours; see MODEL.md).
OWN_WEIGHT = 3.0
LICENSED_WEIGHTS = {
    "vader_tweets": 1.0,
    "vader_amazon": 1.5,
    "banking77": 0.3,
    "clinc150": 0.05,
    "goemotions_train": 0.2,
}


def corpus_of(licensed: Path) -> Corpus:
    """All labelled rows with the weights above."""
    corpus = Corpus()
    add_own(corpus, own_posts(), OWN_WEIGHT)
    add_licensed(corpus, licensed, LICENSED_WEIGHTS)
    return corpus


@click.command()
@click.option(
    "--licensed",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the licensed sets as JSON lines; MODEL.md says what they are and where they come from.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=WEIGHTS, show_default=True)
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Keeps the encoder's vectors here.")
@click.option("--release", default="1", show_default=True, help="Goes into the version that every mark names.")
def main(licensed: Path, out: Path, cache: Path | None, release: str) -> None:
    """Train both stages on one thread and write the weights."""
    started = time.monotonic()

    def say(what: str) -> None:
        click.echo(f"{time.monotonic() - started:6.1f} s  {what}", err=True)

    corpus = corpus_of(licensed)
    more = unlabelled(licensed)
    encoder = Encoder()
    say(f"{len(corpus.texts)} labelled rows, {len(more)} without labels")
    seen = build.views([*corpus.texts, *more], encoder, cache)
    labelled = slice(0, len(corpus.texts))
    known = build.Views(seen.cues[labelled], seen.vectors[labelled], None)
    say("encoded")
    careful = build.careful(known, corpus.targets.astype(float), corpus.weights.astype(float))
    say("stage 2 fitted")
    for text in more:
        corpus.add(text, "unlabelled", {}, {0: build.UNLABELLED_WEIGHT})
    teacher = build.soft(build.careful_logits(seen, careful))
    targets, weights = build.taught(corpus, teacher)
    unlabelled_rows = slice(labelled.stop, None)
    targets[unlabelled_rows] = teacher[unlabelled_rows]
    fast = build.fast(seen, targets, weights)
    say("stage 1 fitted")
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, **build.pack(fast, careful, release))  # type: ignore[arg-type]
    say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
