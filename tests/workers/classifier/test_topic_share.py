"""How much of an account's talk is about a brand, in bounded memory."""

import tracemalloc

from schemas.mention import Author
from workers.classifier.model import Post
from workers.classifier.topic_share import MOST_IDS, TopicShares


def post(number: int, *, posts: int, account: str = "a", followers: int = 5_000) -> Post:
    author = Author(id=account, followers=followers, posts=posts)
    return Post("Acme", brand="acme", id=str(1_983_456_789_012_345_678 + number), author=author)


def test_a_share_is_told_from_the_third_post_on_and_a_post_that_comes_again_counts_once() -> None:
    shares = TopicShares()
    found = [shares.share(post(n, posts=100 + 2 * n)) for n in (0, 1, 1, 0, 2, 3)]
    assert found == [None, None, None, None, 3 / 5, 4 / 7]


def test_of_accounts_that_nobody_follows_nothing_is_kept() -> None:
    shares = TopicShares()
    assert [shares.share(post(n, posts=100 + n, followers=10)) for n in range(5)] == [None] * 5


def test_an_account_that_never_rests_takes_no_more_memory_for_it() -> None:
    shares = TopicShares()
    tracemalloc.start()
    try:
        for n in range(10 * MOST_IDS):
            shares.share(post(n, posts=n))
        before, _ = tracemalloc.get_traced_memory()
        for n in range(10 * MOST_IDS, 1000 * MOST_IDS):
            assert shares.share(post(n, posts=n)) == 1.0
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
    finally:
        tracemalloc.stop()
