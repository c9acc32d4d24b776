"""A training run on one in 32 of our posts; prints what its stages then say of others. For test_other_processors."""

import json

import numpy as np

from workers.classifier import text
from workers.classifier.cues import Scanner
from workers.classifier.encoder import SCRIPTS, Encoder, Sketcher, by_script, joined
from workers.classifier.features import grams
from workers.classifier.linear import GramModel, careful_model, narrowed, scores, sketch_model
from workers.classifier.model import Post, load_classifier
from workers.classifier.train import OTHER_WEIGHT, PLAIN_WEIGHT, careful_of, sketches_of
from workers.classifier.training import build
from workers.classifier.training.corpus import Corpus, add_own, own_posts

LANDMARKS = 60


def main() -> None:
    """Everything that `make train` does, smaller."""
    build.LANDMARKS = LANDMARKS  # type: ignore[misc]
    rows = own_posts()
    corpus = Corpus()
    learnt = rows[::32]
    add_own(corpus, learnt, PLAIN_WEIGHT, OTHER_WEIGHT)
    encoder = Encoder()
    seen = build.views(corpus.texts, encoder, None)
    middle = build.centre(seen.means)
    careful, teacher = careful_of(learnt, corpus, seen, middle, lambda _: None)
    taught = build.taught(corpus, build.soft(teacher))
    sketches = sketches_of(corpus, seen, middle, encoder, taught, LANDMARKS)
    frequent = encoder.frequent(text.plain(corpus.texts), 1000)
    arrays = build.pack(build.fast(seen, *taught), middle, sketches, careful, frequent, "small")
    others = [row["text"] for row in rows[8::64]]
    plain = text.plain(others)
    folded = text.folded(plain)
    found = Scanner().scan(folded)
    first = GramModel(arrays).logits(grams(folded), found)
    drawn = Sketcher(encoder, arrays).means(plain)
    means = encoder.means(plain)
    wide = joined(encoder.head(drawn), drawn, middle)
    second = np.empty_like(first)
    for script, some in zip(SCRIPTS, by_script(plain), strict=True):
        narrow = narrowed(wide[some], arrays[f"sketch_{script}_directions"])
        second[some] = sketch_model(arrays, script).logits(narrow, found.present[some], first[some])
    third = careful_model(arrays).logits(joined(encoder.head(means), means, middle), found.present, second)
    said = [np.hstack([s.kinds, s.negative[:, None]]).tolist() for s in map(scores, (first, second, third))]
    shipped = load_classifier().classify([Post(text=other) for other in others])
    print(json.dumps({"trained": said, "shipped": [list(v.scores.values()) for v in shipped]}))


if __name__ == "__main__":
    main()
