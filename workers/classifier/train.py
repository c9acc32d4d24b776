"""`python -m workers.classifier.train`: makes the shipped weights anew from our posts and the licensed sets."""

import time
from pathlib import Path

import click
import numpy as np

from workers.classifier.encoder import Encoder
from workers.classifier.model import WEIGHTS
from workers.classifier.training import build
from workers.classifier.training.corpus import Corpus, Row, add_licensed, add_own, own_posts, unlabelled

# How much a row counts, and of how many rows of a set one is taken (ours; see MODEL.md).
PLAIN_WEIGHT = 10.0
OTHER_WEIGHT = 0.6
LICENSED = {"vader_tweets": (2.0, 1), "vader_amazon": (5.0, 1)}
# On these the fast model learns from the careful one alone, as on the unlabelled Japanese.
LISTENING = {"goemotions_train": (0.0, 2), "banking77": (0.0, 2), "clinc150": (0.0, 4)}


def corpus_of(licensed: Path, rows: list[Row]) -> Corpus:
    """All labelled rows with the weights above."""
    corpus = Corpus()
    add_own(corpus, rows, PLAIN_WEIGHT, OTHER_WEIGHT)
    add_licensed(corpus, licensed, LICENSED)
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

    corpus = corpus_of(licensed, own_posts())
    more = Corpus()
    add_licensed(more, licensed, LISTENING)
    more.texts += unlabelled(licensed)
    encoder = Encoder()
    say(f"{len(corpus.texts)} labelled rows, {len(more.texts)} without labels")
    known = build.views(corpus.texts, encoder, cache)
    seen = build.both(known, build.views(more.texts, encoder, cache))
    say("encoded")
    careful = build.careful(known, corpus.targets, corpus.weights, build.candidates(corpus))
    say("stage 2 fitted")
    targets, weights = build.taught(corpus, build.soft(build.careful_logits(seen, careful)))
    fast = build.fast(seen, targets, weights)
    say("stage 1 fitted")
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, **build.pack(fast, careful, release))  # type: ignore[arg-type]
    say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
