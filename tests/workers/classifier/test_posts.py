"""Our own posts keep to the guide's line format, whoever wrote them."""

import json
import re
from typing import Any

from schemas.mark import KINDS, SEVERITIES
from workers.classifier.training.corpus import POSTS

KEYS = ["id", "industry", "brand", "text", "lang", "kind", "severity", "span"]
INDUSTRIES = {
    "airline", "rail", "bank", "telecom", "retail", "electronics", "food", "restaurant", "hotel", "game", "software",
    "delivery", "car", "cosmetics", "energy",
}  # fmt: skip


def _rows() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.name}:{number}", json.loads(line))
        for path in sorted(POSTS.glob("*.jsonl"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
    ]


def test_every_line_is_as_the_guide_says() -> None:
    faults = []
    for place, row in _rows():
        good = (
            list(row) in (KEYS, [*KEYS, "stars"])
            and row.get("stars") in (None, 1, 2, 3, 4, 5)
            and re.fullmatch(r"(ja|en)-[a-z]+-\d{4}", row["id"]) is not None
            and row["industry"] in INDUSTRIES
            and row["kind"] in KINDS
            and row["severity"] in SEVERITIES
            and row["span"] in row["text"]
            and row["text"].strip() != ""
            and (row["kind"] != "complaint" or row["severity"] != "none")
            and (row["kind"] not in ("praise", "promotion", "irrelevant") or row["severity"] == "none")
        )
        if not good:
            faults.append(f"{place}: {row}")
    assert not faults, "\n".join(faults[:20])


def test_no_id_and_no_text_twice() -> None:
    rows = [row for _, row in _rows()]
    assert len({row["id"] for row in rows}) == len(rows)
    texts = [row["text"] for row in rows]
    twice = {text for text in texts if texts.count(text) > 1} if len(set(texts)) < len(texts) else set()
    assert not twice


def test_there_are_as_many_as_promised() -> None:
    langs = [row["lang"] for _, row in _rows()]
    assert langs.count("ja") >= 3000
    assert langs.count("en") >= 2000
