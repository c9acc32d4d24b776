"""Whatever a line holds: reading, matching and writing it raises nothing, and no store chokes on the outcome."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from config.brands import Brand
from schemas.mention import Mention
from workers.stream.match import Match, Matcher
from workers.stream.mention import make_mention
from workers.stream.parse import parse_line

FIELDS = (  # noqa: SIM905 - a list of 30 lines reads no better
    "id text data includes users tweets posts author author_id username name created_at lang conversation_id entities "
    "urls expanded_url hashtags tag mentions public_metrics followers_count tweet_count referenced_tweets "
    "referenced_posts type note_tweet note_post edit_history_tweet_ids in_reply_to_user_id in_reply_to_user errors"
).split()
ANY_TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["acme", "@acme_jp", "サン", "retweeted", "quoted", "replied_to", "1", "2026-08-01T00:00:00.000Z", "\ud83d", "\0"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=25,
)
POSTS = st.fixed_dictionaries({"id": st.integers() | st.text(min_size=1, max_size=9), "text": ANY_TEXT}).flatmap(
    lambda post: st.dictionaries(st.sampled_from(FIELDS[5:]), VALUES, max_size=8).map(lambda more: more | post)
)

ACME = Brand.model_validate(
    {
        "name": "Acme",
        "id": "acme",
        "keywords": ["Acme", "サン", {"text": "a", "match": "anywhere"}],
        "exclude": ["acme klein", "サンダル"],
        "context": ["b"],
        "handles": ["acme_jp"],
        "own": ["acme_jp"],
        "languages": ["ja"],
    }
)
MATCHER = Matcher([ACME])


def follow(line: bytes) -> int:
    """The way of a line up to the topic; returns how many posts and faults it had."""
    parsed = parse_line(line)
    for post in parsed.posts:
        matches = MATCHER.match(post) or [Match(ACME, "keyword", [])]
        for match in matches:
            value = msgspec.json.encode(make_mention(post, match, source="replay", received_at="now"))
            assert b"\\u0000" not in value
            assert msgspec.json.decode(value, type=Mention).id == post.id
    return len(parsed.posts) + len(parsed.bad)


@given(st.binary(max_size=200))
def test_any_bytes(line: bytes) -> None:
    follow(line)


@given(VALUES)
@settings(max_examples=150)
def test_any_json(value: Any) -> None:
    follow(json.dumps(value).encode())


@given(POSTS, st.dictionaries(st.sampled_from(["users", "tweets", "posts"]), VALUES | st.lists(POSTS, max_size=3)))
@settings(max_examples=150)
def test_any_post(post: dict[str, Any], includes: dict[str, Any]) -> None:
    line = json.dumps({"data": post, "includes": includes}).encode()
    assert follow(line) == 1


@given(st.lists(POSTS | VALUES, max_size=5))
def test_any_page(items: list[Any]) -> None:
    follow(json.dumps({"data": items}).encode())
