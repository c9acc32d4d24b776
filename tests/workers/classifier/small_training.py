"""A training run on one in 32 of our posts; prints what its stages then say of others. For test_other_processors."""

import json

import numpy as np

from workers.classifier import text
from workers.classifier.cues import Scanner
from workers.classifier.encoder import Encoder, Sketcher, joined
from workers.classifier.features import grams
from workers.classifier.linear import GramModel, VectorModel, scores
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
    targets, weights = build.taught(corpus, build.soft(teacher))
    guess = build.sketching(seen)
    sketches = sketches_of(Sketcher(encoder, guess.guess, guess.mean), seen, middle)
    sketch = build.kernel(sketches, targets, weights, build.candidates(corpus), LANDMARKS)
    arrays = build.pack(build.fast(seen, targets, weights), middle, (guess, sketch), careful, "small")
    others = [row["text"] for row in rows[8::64]]
    plain = text.plain(others)
    folded = text.folded(plain)
    found = Scanner().scan(folded)
    first = GramModel(arrays).logits(grams(folded), found)
    drawn = Sketcher(encoder, arrays["sketch_map"], arrays["sketch_mean"]).means(plain)
    means = encoder.means(plain)
    second = VectorModel(arrays, "sketch").logits(joined(encoder.head(drawn), drawn, middle), found.present, first)
    third = VectorModel(arrays, "careful").logits(joined(encoder.head(means), means, middle), found.present, second)
    said = [np.hstack([s.kinds, s.negative[:, None]]).tolist() for s in map(scores, (first, second, third))]
    shipped = load_classifier().classify([Post(text=other) for other in others])
    print(json.dumps({"trained": said, "shipped": [list(v.scores.values()) for v in shipped]}))


if __name__ == "__main__":
    main()
