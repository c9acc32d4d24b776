"""`python -m workers.classifier.train`: makes the shipped weights anew from our posts and the licensed sets."""

import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from workers.classifier import text
from workers.classifier.encoder import SCRIPTS, Encoder, joined
from workers.classifier.model import WEIGHTS
from workers.classifier.training import build, calibration
from workers.classifier.training.corpus import Corpus, Row, add_licensed, add_own, own_posts, unlabelled
from workers.classifier.training.fit import Array

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


def careful_of(
    rows: list[Row], corpus: Corpus, seen: build.Views, middle: NDArray[np.float32], say: Callable[[str], None]
) -> tuple[build.Kernel, Array]:
    """Stage 3, calibrated, and what it says of every text: of our own posts, without having seen their industry."""
    view = build.Seen(joined(seen.vectors, seen.means, middle), seen.cues)
    known = build.Seen(*(part[: len(corpus.texts)] for part in view))
    candidates = build.candidates(corpus)
    loose = calibration.unseen(rows, known, corpus.targets, corpus.weights, candidates, build.LANDMARKS)
    by = calibration.measured(loose, rows, known.cues)
    say(f"calibrated: {by}")
    model = build.kernel(known, corpus.targets, corpus.weights, candidates, build.LANDMARKS)
    careful = calibration.built_in(model, by)
    say("stage 3 fitted")
    teacher = build.kernel_logits(view, careful)
    teacher[: len(rows)] = calibration.calibrated(loose, known.cues[: len(rows)], by)
    return careful, teacher


def sketches_of(
    corpus: Corpus,
    seen: build.Views,
    middle: NDArray[np.float32],
    encoder: Encoder,
    taught: tuple[Array, Array],
    landmarks: int,
) -> list[build.Sketch]:
    """Stage 2, script by script; landmarks are among the labelled texts, which come first."""
    chosen = np.zeros(len(seen.cues), dtype=np.bool_)
    chosen[: len(corpus.texts)] = build.candidates(corpus)
    found = []
    for script in range(len(SCRIPTS)):
        rows = seen.scripts == script
        targets, weights = taught[0][rows], taught[1][rows]
        part = build.of_script(seen, script)
        found.append(build.sketch(part, middle, encoder.head, targets, weights, chosen[rows], landmarks))
    return found


@click.command()
@click.option(
    "--licensed",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with the licensed sets as JSON lines; MODEL.md says what they are and where they come from.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=WEIGHTS, show_default=True)
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Keeps the encoder's vectors here.")
@click.option("--release", default="3", show_default=True, help="Goes into the version that every mark names.")
def main(licensed: Path, out: Path, cache: Path | None, release: str) -> None:
    """Train all stages on one thread and write the weights."""
    started = time.monotonic()

    def say(what: str) -> None:
        click.echo(f"{time.monotonic() - started:6.1f} s  {what}", err=True)

    rows = own_posts()
    corpus = corpus_of(licensed, rows)
    more = Corpus()
    add_licensed(more, licensed, LISTENING)
    more.texts += unlabelled(licensed)
    encoder = Encoder()
    say(f"{len(corpus.texts)} labelled rows, {len(more.texts)} without labels")
    known = build.views(corpus.texts, encoder, cache)
    seen = build.both(known, build.views(more.texts, encoder, cache))
    say("encoded")
    middle = build.centre(known.means)
    careful, teacher = careful_of(rows, corpus, seen, middle, say)
    taught = build.taught(corpus, build.soft(teacher))
    sketches = sketches_of(corpus, seen, middle, encoder, taught, build.SKETCH_LANDMARKS)
    say("stage 2 fitted")
    fast = build.fast(seen, *taught)
    say("stage 1 fitted")
    frequent = encoder.frequent(text.plain(corpus.texts + more.texts), build.FREQUENT_TOKENS)
    out.parent.mkdir(parents=True, exist_ok=True)
    arrays = build.pack(fast, middle, sketches, careful, frequent, release)
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
