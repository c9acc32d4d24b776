"""A training run on one in 32 of our posts; prints what its stages then say of others. For test_other_processors."""

import json

import numpy as np

from workers.classifier import text
from workers.classifier.cues import Scanner
from workers.classifier.encoder import Encoder, Sketcher
from workers.classifier.features import grams
from workers.classifier.linear import GramModel, VectorModel, scores
from workers.classifier.model import Post, load_classifier
from workers.classifier.train import OTHER_WEIGHT, PLAIN_WEIGHT, careful_of
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
    careful, teacher = careful_of(learnt, corpus, seen, seen, lambda _: None)
    targets, weights = build.taught(corpus, build.soft(teacher))
    guess = build.sketching(seen)
    sketches = build.Seen(Sketcher(encoder, guess.guess, guess.mean).of(seen.pooled), seen.cues)
    sketch = build.kernel(sketches, targets, weights, build.candidates(corpus), LANDMARKS)
    arrays = build.pack(build.fast(seen, targets, weights), (guess, sketch), careful, "small")
    others = [row["text"] for row in rows[8::64]]
    plain = text.plain(others)
    folded = text.folded(plain)
    found = Scanner().scan(folded)
    first = GramModel(arrays).logits(grams(folded), found)
    drawn = Sketcher(encoder, arrays["sketch_map"], arrays["sketch_mean"]).vectors(plain)
    second = VectorModel(arrays, "sketch").logits(drawn, found.present, first)
    third = VectorModel(arrays, "careful").logits(encoder.vectors(plain), found.present, second)
    said = [np.hstack([s.kinds, s.negative[:, None]]).tolist() for s in map(scores, (first, second, third))]
    shipped = load_classifier().classify([Post(text=other) for other in others])
    print(json.dumps({"trained": said, "shipped": [list(v.scores.values()) for v in shipped]}))


if __name__ == "__main__":
    main()
