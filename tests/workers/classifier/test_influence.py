"""Influence has visible parts and is never followers alone."""

import pytest

from schemas.mention import Author
from workers.classifier.influence import weigh

AT = "2026-05-01T00:00:00Z"
OLD = "2014-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("author", "wanted"),
    [
        (None, "none"),
        (Author(), "none"),
        (Author(followers=900), "none"),
        (Author(followers=5_000_000), "notable"),
        (Author(followers=250_000, following=300, posts=9_000, verified=True, created_at=OLD), "influencer"),
        (Author(followers=250_000, following=260_000, posts=9_000, created_at=OLD), "notable"),
        (Author(followers=120_000, following=10, posts=12, created_at="2026-04-20T00:00:00Z"), "none"),
        (Author(followers=40_000, following=50, verified_type="government", created_at=OLD), "influencer"),
        (Author(followers=20_000, created_at="not a date"), "notable"),
        (Author(followers=-5), "none"),
    ],
)
def test_a_row_of_the_table(author: Author | None, wanted: str) -> None:
    assert weigh(author, AT).influence == wanted


def test_the_parts_add_up_to_the_points() -> None:
    weighed = weigh(Author(followers=250_000, following=300, posts=9_000, verified=True, created_at=OLD), AT)
    assert sum(part[2] for part in weighed.parts) == pytest.approx(weighed.points)
    assert any("followers" in part[0] for part in weighed.parts)
