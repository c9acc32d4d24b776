"""A mark: a mention with what the classifier says of it (topic `marks.v1`)."""

from typing import Literal

import msgspec

from schemas.mention import SCHEMA_VERSION

Kind = Literal["complaint", "question", "praise", "promotion", "neutral", "irrelevant"]
Severity = Literal["none", "low", "medium", "high", "critical"]
Influence = Literal["none", "notable", "influencer", "watchlist"]

KINDS: tuple[Kind, ...] = ("complaint", "question", "praise", "promotion", "neutral", "irrelevant")
SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")
INFLUENCES: tuple[Influence, ...] = ("none", "notable", "influencer", "watchlist")


class Verdict(msgspec.Struct, kw_only=True):
    """What the classifier says of one text: the output of `hikeshi classify`.

    `scores` are calibrated probabilities over all six kinds (sum 1), `negative` the probability that the text is
    negative at all, `reasons` the grounds in words.
    """

    lang: str
    kind: Kind
    scores: dict[str, float]
    negative: float
    severity: Severity
    influence: Influence
    reasons: list[str]


class Mark(msgspec.Struct, kw_only=True):
    """A mention's own bytes with its verdict; the bytes are carried untouched, fields that we don't know included."""

    schema_version: int = SCHEMA_VERSION
    mention: msgspec.Raw
    kind: Kind
    scores: dict[str, float] = {}
    negative: float = 0.0
    severity: Severity = "none"
    influence: Influence = "none"
    reasons: list[str] = []
    classifier: str = ""
