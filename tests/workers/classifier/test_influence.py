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


def test_an_echo_beyond_its_size_counts_and_a_fresh_post_without_any_loses_nothing() -> None:
    small = Author(followers=400, following=300, posts=900, created_at=OLD)
    assert weigh(small, AT, {"like_count": 0}).influence == "none"
    viral = weigh(small, AT, {"like_count": 40_000, "retweet_count": 12_000})
    assert viral.influence == "notable"
    assert any("52,000 likes" in part[0] for part in viral.parts)
    known = Author(followers=50_000, following=300, posts=9_000, created_at=OLD)
    assert weigh(known, AT, {"like_count": 3}).points == weigh(known, AT).points
    assert weigh(known, AT, {"like_count": True, "retweet_count": "9"}).points == weigh(known, AT).points


def test_lists_tell_followers_that_were_bought() -> None:
    bought = Author(followers=90_000, following=100, posts=500, listed=2, created_at=OLD)
    earned = Author(followers=90_000, following=100, posts=500, listed=900, created_at=OLD)
    assert weigh(earned, AT).points - weigh(bought, AT).points == pytest.approx(0.8)


def test_whoever_is_watched_matters_however_few_follow() -> None:
    watched = weigh(Author(username="a_journalist", followers=12), AT, watched=True)
    assert watched.influence == "watchlist"
    assert watched.parts[0][0] == "on the watch-list"


def test_who_speaks_of_little_else_weighs_more() -> None:
    author = Author(followers=50_000, following=300, posts=9_000, created_at=OLD)
    assert weigh(author, AT, share=0.4).points - weigh(author, AT, share=0.1).points == pytest.approx(0.3)
