"""What the models learn from: our own posts and the licensed sets, each row with what its source can tell."""

import json
import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.mark import KINDS, SEVERITIES
from workers.classifier import linear

POSTS: Final = Path(__file__).parent.parent / "data" / "posts"

# Posts to a company's account count for more where they complain: the rated tweets hold next to none of them.
ADDRESSED_COMPLAINTS: Final = 4.0
# Posts that only share a word with a brand are rare among ours and of one kind; the rated tweets are about no brand.
IRRELEVANT_WEIGHT: Final = 3.0
# How likely a person calls a post negative whose writer would give so many stars: what they say with a "but" is so-so.
NEGATIVE_OF_STARS: Final = {1: 1.0, 2: 0.9, 3: 0.35, 4: 0.05, 5: 0.0}

Row = dict[str, Any]


class Corpus:
    """Rows with soft targets and weights for each output; a weight of 0 says that the source knows nothing of it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.groups: list[str] = []
        self._targets: list[NDArray[np.float64]] = []
        self._weights: list[NDArray[np.float64]] = []

    def add(self, text: str, group: str, targets: dict[int, float], weights: dict[int, float]) -> None:
        """One row: `targets` and `weights` by output; the kinds share one weight, that of output 0."""
        self.texts.append(text)
        self.groups.append(group)
        for store, values in ((self._targets, targets), (self._weights, weights)):
            row = np.zeros(linear.OUTPUTS)
            for index, value in values.items():
                row[index] = value
            store.append(row)

    @property
    def targets(self) -> NDArray[np.float64]:
        """A row a text, a column an output."""
        return np.array(self._targets)

    @property
    def weights(self) -> NDArray[np.float64]:
        """As targets."""
        return np.array(self._weights)


def own_posts(folder: Path = POSTS) -> list[Row]:
    """Our own posts, in a fixed order."""
    return [row for path in sorted(folder.glob("*.jsonl")) for row in _lines(path)]


def is_plain(row: Row) -> bool:
    """Written as most people write, without wit."""
    return "-plain-" in str(row["id"])


def add_own(corpus: Corpus, rows: list[Row], plain_weight: float, other_weight: float) -> None:
    """Kind and severity as labelled. Negative is by the stars where a post has them; where it has none, complaints are,
    praise and promotion are not, the rest mostly not.

    Plain posts count more: they are what most people write. How grave a complaint is shows in both alike.
    """
    for row in rows:
        kind, severity = row["kind"], SEVERITIES.index(row["severity"])
        weight = plain_weight if is_plain(row) else other_weight
        if kind == "complaint" and row["text"].startswith("@"):
            weight *= ADDRESSED_COMPLAINTS
        if kind == "irrelevant":
            weight = max(weight, IRRELEVANT_WEIGHT)
        sided = kind in ("complaint", "praise") or is_plain(row)
        stars = row.get("stars")
        negative = NEGATIVE_OF_STARS[stars] if stars else float(kind == "complaint")
        targets = {KINDS.index(kind): 1.0, linear.NEGATIVE: negative}
        weights = {0: weight, linear.NEGATIVE: weight if sided else weight / 2}
        if kind == "complaint":
            for step, output in enumerate(range(linear.OUTPUTS)[linear.SEVERITY], start=2):
                targets[output] = float(severity >= step)
                weights[output] = plain_weight
        corpus.add(row["text"], f"own/{row['industry']}", targets, weights)


def add_licensed(corpus: Corpus, folder: Path, weights: dict[str, tuple[float, int]]) -> None:
    """The licensed sets that `weights` names: what a row counts, and of how many rows one is taken."""
    readers: dict[str, Callable[[Row], tuple[dict[str, float], float | None]]] = {
        "vader_tweets": _rated_tweet,
        "vader_amazon": _rated_review,
        "banking77": _bank_customer,
        "clinc150": _task,
        "goemotions_train": _emotions,
    }
    for name, (weight, every) in weights.items():
        for row in islice(_lines(folder / f"{name}.jsonl"), 0, None, every):
            kinds, negative = readers[name](row)
            targets = {KINDS.index(kind): share for kind, share in kinds.items()}
            row_weights = {0: weight if kinds else 0.0}
            if negative is not None:
                targets[linear.NEGATIVE] = negative
                row_weights[linear.NEGATIVE] = weight
            corpus.add(row["text"], name, targets, row_weights)


def unlabelled(folder: Path) -> list[str]:
    """Japanese text without labels, on which the fast model learns from the careful one."""
    return [row["text"].replace(" __BR__ ", "\n") for row in _lines(folder / "open2ch_ja.jsonl")]


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _negative(score: float) -> float:
    """From a mean rating of -4 to 4: how likely a person calls it negative."""
    return 1.0 / (1.0 + math.exp(2.5 * (score + 0.4)))


def _rated_tweet(row: Row) -> tuple[dict[str, float], float | None]:
    score = row["score"]
    if score < -0.5:  # private misery more often than a breach
        return {"complaint": 0.7, "irrelevant": 0.3}, _negative(score)
    if score > 1.0:
        return {"praise": 1.0}, _negative(score)
    return {"neutral": 0.6, "irrelevant": 0.4}, _negative(score)


def _rated_review(row: Row) -> tuple[dict[str, float], float | None]:
    score = row["score"]
    if score < -0.5:
        return {"complaint": 1.0}, _negative(score)
    return ({"praise": 1.0} if score > 0.7 else {"neutral": 1.0}), _negative(score)


# Of the 77 intents, those in which something has gone wrong: a stated failure outweighs the question.
_FAILURES: Final = frozenset(
    [
        "card_not_working",
        "declined_card_payment",
        "declined_cash_withdrawal",
        "declined_transfer",
        "card_swallowed",
        "cash_withdrawal_not_recognised",
        "card_payment_not_recognised",
        "card_payment_wrong_exchange_rate",
        "wrong_exchange_rate_for_cash_withdrawal",
        "wrong_amount_of_cash_received",
        "extra_charge_on_statement",
        "transaction_charged_twice",
        "balance_not_updated_after_bank_transfer",
        "compromised_card",
        "failed_transfer",
        "balance_not_updated_after_cheque_or_cash_deposit",
        "pending_cash_withdrawal",
        "pending_transfer",
        "top_up_failed",
        "top_up_reverted",
        "reverted_card_payment?",
        "transfer_not_received_by_recipient",
        "Refund_not_showing_up",
        "virtual_card_not_working",
        "contactless_not_working",
        "card_payment_fee_charged",
        "cash_withdrawal_charge",
        "transfer_fee_charged",
        "card_arrival",
        "direct_debit_payment_not_recognised",
        "unable_to_verify_identity",
    ]
)


def _bank_customer(row: Row) -> tuple[dict[str, float], float | None]:
    if row["intent"] in _FAILURES:
        return {"complaint": 0.8, "question": 0.2}, None
    return {"question": 0.9, "neutral": 0.1}, None


def _task(row: Row) -> tuple[dict[str, float], float | None]:
    asks = row["text"].split(" ", 1)[0] in {"what", "how", "when", "where", "who", "is", "can", "do", "does", "are"}
    return ({"question": 1.0} if asks else {"neutral": 1.0}), None


_NEGATIVE_EMOTIONS: Final = frozenset(
    [
        "annoyance",
        "anger",
        "disappointment",
        "disapproval",
        "disgust",
        "sadness",
        "fear",
        "embarrassment",
        "grief",
        "nervousness",
        "remorse",
    ]
)
_CROSS: Final = frozenset(["annoyance", "anger", "disappointment", "disapproval", "disgust"])
_GLAD: Final = frozenset(["admiration", "gratitude", "love", "joy", "excitement"])


def _emotions(row: Row) -> tuple[dict[str, float], float | None]:
    labels = set(row["labels"])
    negative = 1.0 if labels & _NEGATIVE_EMOTIONS else 0.0
    if labels & _CROSS:
        return {"complaint": 0.7, "neutral": 0.3}, negative
    if labels & _GLAD:
        return {"praise": 1.0}, negative
    if labels & {"curiosity", "confusion"}:
        return {"question": 1.0}, negative
    return ({"neutral": 1.0} if labels == {"neutral"} else {}), negative
