"""Which posts are an incident's: the one condition that deliveries, removals and lists share."""

from collections.abc import Sequence
from typing import Any

from workers.store.bulk import Rows

_SPANS = Rows.of(first="bigint", last="bigint")


def belonging_to(
    dialect: str, scope: str, incident: str, brand: str, spans: Sequence[tuple[int, int]]
) -> tuple[str, dict[str, Any]]:
    """The condition on `posts` for an incident's posts. A burst owns none: its are the brand's complaints within its
    spans, plain retweets (which are in no incident) left out."""
    if scope == "root":
        return "posts.incident = :incident", {"incident": incident}
    within = f"EXISTS (SELECT 1 FROM {_SPANS.source(dialect)} WHERE posts.created_at BETWEEN r.first AND r.last)"
    return (
        f"posts.brand = :brand AND posts.kind = 'complaint' AND posts.incident IS NOT NULL "
        f"AND posts.created_at BETWEEN :earliest AND :latest AND {within}",
        {"brand": brand, "earliest": spans[0][0], "latest": spans[-1][1], **_SPANS.bind(dialect, spans)},
    )
