"""X's real answers, as twarc-csv collected them: every file's posts are accounted for."""

from collections import Counter
from pathlib import Path

import pytest

from workers.stream.parse import Parsed, parse_line
from workers.stream.post import Post

DATA = Path(__file__).parents[2] / "data" / "twarc-csv"


def parsed(file: str) -> list[Parsed]:
    return [parse_line(line) for line in (DATA / file).read_bytes().splitlines() if line.strip()]


def posts(file: str) -> list[Post]:
    return [post for line in parsed(file) for post in line.posts]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("streaming_output_with_error.jsonl", {"post": 7, "bad": 1}),
        ("edited_before.jsonl", {"post": 1}),
        ("edited_after.jsonl", {"post": 1}),
        ("quoted_edit.jsonl", {"post": 1}),
        ("two_tweets.jsonl", {"post": 1}),
        ("cotweet.jsonl", {"post": 1}),
        ("mentions_tweet.jsonl", {"post": 1}),
        ("geo_tweets.jsonl", {"post": 2}),
        ("many_urls.jsonl", {"post": 1}),
        ("verified_type.jsonl", {"post": 1}),
        ("flat_first_3.jsonl", {"post": 3}),
        ("users_first_5.jsonl", {"other": 1}),
        ("counts.jsonl", {"other": 1}),
        ("lists.jsonl", {"other": 2}),
        ("tweets_compliance.jsonl", {"other": 2}),
        ("users_compliance.jsonl", {"other": 2}),
        ("empty.json", {}),
    ],
)
def test_every_post_is_accounted_for(file: str, expected: dict[str, int]) -> None:
    counts: Counter[str] = Counter()
    for line in parsed(file):
        counts["post"] += len(line.posts)
        counts["bad"] += len(line.bad)
        counts["other"] += not line.posts and not line.bad
    assert +counts == expected


def test_all_of_them_have_a_time_and_an_author_with_a_name() -> None:
    found = [post for file in sorted(DATA.glob("*.jsonl")) for post in posts(file.name)]
    assert len(found) == 20
    for post in found:
        assert post.created_at
        assert post.author
        assert post.author.username
        assert post.author.followers is not None


def test_an_edited_post_keeps_its_identity() -> None:
    before, after = posts("edited_before.jsonl")[0], posts("edited_after.jsonl")[0]
    assert (before.id, before.revision) == ("1576994746135764992", 0)
    assert (after.id, after.revision) == ("1576994746135764992", 1)
    assert after.text.startswith("hey :)")


def test_the_root_of_a_quote_of_an_edited_post_is_its_first_id() -> None:
    quote = posts("quoted_edit.jsonl")[0]
    assert quote.reference_id("quoted") == "1576994746135764992"
    assert quote.identity_of("1576994789110992896") == "1576994746135764992"


def test_a_retweet_has_the_text_of_its_original() -> None:
    retweets = [
        post for file in ("two_tweets.jsonl", "mentions_tweet.jsonl", "flat_first_3.jsonl") for post in posts(file)
    ]
    retweets = [post for post in retweets if "retweeted" in post.references]
    assert len(retweets) == 3
    for post in retweets:
        assert post.fields["text"].startswith("RT @")
        assert not post.text.startswith("RT @")


def test_a_reply_names_whom_it_answers() -> None:
    assert posts("quoted_edit.jsonl")[0].replied_to_username == "wongmjane"
