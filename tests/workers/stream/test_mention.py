"""What goes on the topic of a post: times, root, entities, metrics."""

import json
from typing import Any

import pytest

from config.brands import Brand
from config.keywords import Keyword
from schemas.mention import Mention
from workers.stream.match import Match
from workers.stream.mention import make_mention
from workers.stream.parse import parse_line

ACME = Brand(name="Acme", id="acme", keywords=(Keyword(text="Acme"),))
NOW = "2026-08-01T12:00:00.000Z"


def mention(fields: dict[str, Any], includes: dict[str, Any] | None = None, source: str = "replay") -> Mention:
    line = {"data": {"id": "1", "text": "Acme"} | fields, "includes": includes or {}}
    post = parse_line(json.dumps(line).encode()).posts[0]
    return make_mention(post, Match(ACME, "keyword", ["Acme"]), source=source, received_at=NOW)


@pytest.mark.parametrize(
    ("fields", "created_at"),
    [
        ({"created_at": "2026-07-01T01:02:03.004Z"}, "2026-07-01T01:02:03.004Z"),
        ({"created_at": "2026-07-01T10:02:03+09:00"}, "2026-07-01T01:02:03.000Z"),
        ({"created_at": "2026-07-01T01:02:03"}, "2026-07-01T01:02:03.000Z"),
        ({"created_at": "2026-07-01T01:02:03.123456Z"}, "2026-07-01T01:02:03.123Z"),
        ({"id": "1576994746135764992"}, "2022-10-03T17:57:01.281Z"),
        ({"id": 1576994746135764992, "created_at": "yesterday"}, "2022-10-03T17:57:01.281Z"),
        ({"id": 1576994746135764992, "created_at": "0001-01-01T00:00:00+14:00"}, "2022-10-03T17:57:01.281Z"),
        ({"id": "p-1"}, NOW),
        ({"id": "1", "created_at": 5}, NOW),
    ],
)
def test_a_time_that_is_not_said_is_the_ids_or_now(fields: dict[str, Any], created_at: str) -> None:
    assert mention(fields).created_at == created_at


RETWEET, QUOTE, REPLY = (
    {"type": "retweeted", "id": "10"},
    {"type": "quoted", "id": 20},
    {"type": "replied_to", "id": "30"},
)


@pytest.mark.parametrize(
    ("fields", "root"),
    [
        ({}, "1"),
        ({"referenced_tweets": [REPLY]}, "30"),
        ({"referenced_tweets": [REPLY], "conversation_id": "40"}, "40"),
        ({"referenced_tweets": [REPLY, QUOTE], "conversation_id": "40"}, "20"),
        ({"referenced_tweets": [QUOTE, RETWEET]}, "10"),
        ({"referenced_posts": [{"type": "reposted", "id": "10"}]}, "10"),
        ({"conversation_id": 1}, "1"),
        # an edited post's conversation and the post it refers to are known by their first ids
        ({"id": "3", "edit_history_tweet_ids": ["2", "3"], "conversation_id": "3"}, "2"),
        ({"referenced_tweets": [{"type": "quoted", "id": "51"}]}, "50"),
    ],
)
def test_the_root_is_what_posts_have_in_common(fields: dict[str, Any], root: str) -> None:
    edited = {"id": "51", "text": "x", "edit_history_tweet_ids": ["50", "51"]}
    assert mention(fields, {"tweets": [edited]}).root == root


def test_references_are_kept_as_they_are() -> None:
    made = mention({"referenced_tweets": [RETWEET, QUOTE, REPLY], "conversation_id": 40})
    assert (made.retweet_of, made.quote_of, made.in_reply_to, made.conversation_id) == ("10", "20", "30", "40")


def test_entities_each_once() -> None:
    made = mention(
        {
            "text": "Acme @Taro @hanako #アクメ",
            "entities": {
                "urls": [
                    {"url": "https://t.co/a", "expanded_url": "https://example.com/"},
                    {"url": "https://t.co/b"},
                    {"expanded_url": "https://example.com/"},
                ],
                "hashtags": [{"tag": "アクメ"}],
                "mentions": [{"username": "Taro"}, {"username": "Hanako"}],
            },
        }
    )
    assert made.urls == ["https://example.com/", "https://t.co/b"]
    assert made.hashtags == ["アクメ"]
    assert made.handles == ["Taro", "Hanako"]


def test_without_entities_the_text_tells() -> None:
    made = mention({"text": "Acme @taro ＠hanako #アクメ ＃tag2 a#b"})
    assert (made.handles, made.hashtags, made.urls) == (["taro", "hanako"], ["アクメ", "tag2"], [])


def test_a_long_post_has_the_entities_of_its_full_text() -> None:
    note = {"text": "Acme …", "entities": {"hashtags": [{"tag": "long"}]}}
    made = mention({"note_tweet": note, "entities": {"hashtags": [{"tag": "short"}]}})
    assert (made.text, made.hashtags) == ("Acme …", ["long"])


def test_metrics_are_numbers_whatever_they_are_written_as() -> None:
    metrics = {"like_count": "5", "retweet_count": 2, "quote_count": None, "reply_count": -1, "x": 1.0, "y": "NaN"}
    assert mention({"public_metrics": metrics}).metrics == {"like_count": 5, "retweet_count": 2, "x": 1}


def test_the_samples_mentions_say_so() -> None:
    assert mention({}, source="sample").sample
    assert not mention({}).sample
