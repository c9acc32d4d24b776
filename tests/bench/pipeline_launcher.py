"""Starts the real program with a classifier that only looks for one word, so that everything around it is measured."""

from collections.abc import Sequence

from schemas.mark import KINDS, Verdict
from workers.classifier import judge
from workers.classifier.model import Post

COMPLAINS = "壊れた"


class OneWordClassifier:
    """A complaint where the word stands, neutral elsewhere."""

    version = "one-word"

    def __init__(self) -> None:
        self._complaint, self._neutral = _verdict("complaint", "medium"), _verdict("neutral", "none")

    def classify(self, posts: Sequence[Post]) -> list[Verdict]:
        return [self._complaint if COMPLAINS in post.text else self._neutral for post in posts]


def _verdict(kind: str, severity: str) -> Verdict:
    scores = dict.fromkeys(KINDS, 0.0) | {kind: 1.0}
    return Verdict(
        lang="ja", kind=kind, scores=scores, negative=0.5, severity=severity, influence="none", reasons=[f"a {kind}"]
    )  # type: ignore[arg-type]  # the words are literals above


if __name__ == "__main__":
    judge.load_judge = OneWordClassifier  # type: ignore[assignment]  # before the command line imports it
    from workers.cli.main import main

    main()
