"""Lines as the contract counts them: posts, bad ones, others; X's two spellings; text that stores can't take."""

import json
from typing import Any

import pytest

from workers.stream.parse import Parsed, parse_line

POST = {"id": "1", "text": "hello"}


def parse(value: Any) -> Parsed:
    return parse_line(json.dumps(value).encode())


def outcome(line: bytes) -> str:
    """What the line counts as, in the contract's words."""
    parsed = parse_line(line)
    words = ["post"] * len(parsed.posts) + ["bad"] * len(parsed.bad)
    return " ".join(words) or "other"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"data": POST}, "post"),
        (POST, "post"),
        ({"data": [POST, {"id": "2", "text": "two"}]}, "post post"),
        ({"data": POST, "errors": [{"title": "x"}], "matching_rules": [{"id": 5, "tag": None}]}, "post"),
        ({"data": [POST], "errors": [{"title": "x"}], "includes": {"users": []}, "meta": {}}, "post"),
        ({"id": 5, "text": ""}, "post"),
        ({"id": 5.0, "text": "x"}, "post"),
        ({"data": None, "id": "1", "text": "x"}, "post"),
        # no post at all: one `other` a line
        ({"errors": [{"title": "operational-disconnect"}]}, "other"),
        ({"data": None}, "other"),
        ({"data": [], "meta": {"result_count": 0}}, "other"),
        ({"data": {}}, "other"),
        ({}, "other"),
        ({"data": [None]}, "other"),
        ({"data": [{"id": "1", "username": "a", "name": "A"}, {"id": "2", "username": "b", "name": "B"}]}, "other"),
        ({"data": [{"start": "x", "end": "y", "tweet_count": 5}], "meta": {"total_tweet_count": 5}}, "other"),
        ({"id": "1", "action": "delete", "created_at": "2019-09-06T17:25:54.667Z", "reason": "protected"}, "other"),
        ({"data": {"delete": {"tweet": {"id": "1"}}}}, "other"),
        ({"data": [{"id": "1", "value": "acme lang:ja", "tag": "t"}]}, "other"),
        ({"id": "1", "text": None, "username": "a"}, "other"),
        ({"id": None, "text": None}, "other"),
        ({"data": [POST, {"id": "9", "username": "a"}]}, "post"),
        # a post that lacks what makes it one
        ({"id": "1"}, "bad"),
        ({"text": "x"}, "bad"),
        ({"text": "x", "name": "a list?"}, "bad"),
        ({"id": "1", "text": None}, "bad"),
        ({"id": "1", "text": 5}, "bad"),
        ({"id": None, "text": "x"}, "bad"),
        ({"id": True, "text": "x"}, "bad"),
        ({"id": ["1"], "text": "x"}, "bad"),
        ({"id": "", "text": "x"}, "bad"),
        ({"id": "9" * 65, "text": "x"}, "bad"),
        ({"id": 10**64, "text": "x"}, "bad"),
        ({"id": 1.5, "text": "x"}, "bad"),
        ({"data": [POST, {"id": "2"}, {"text": "x"}, POST]}, "post post bad bad"),
        ({"data": [POST, 7, "x", [], True]}, "post bad bad bad bad"),
        # no object
        ([POST], "bad"),
        ("x", "bad"),
        (5, "bad"),
        (None, "bad"),
        (True, "bad"),
    ],
)
def test_what_a_line_counts_as(value: Any, expected: str) -> None:
    assert outcome(json.dumps(value).encode()) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"not json", "bad"),
        (b'{"id":"1","text":"cut', "bad"),
        (b'{"id":"1","text":"x"} {"id":"2","text":"y"}', "bad"),
        (b'{"id":"1","text":"\xff"}', "bad"),
        (b'{"id":"1","text":"x","n":NaN}', "bad"),
        (b'{"id":"1","text":"x","n":1e400}', "post"),
        (b'{"id":"1","text":"x","n":' + b"9" * 5000 + b"}", "bad"),
        (b'{"id":123456789012345678901234567890,"text":"x"}', "post"),
        (b"\xef\xbb\xbf" + b'{"id":"1","text":"x"}', "post"),
        (b'{"id":"1","text":"x","n":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "bad"),
        (b"[" * 100_000, "bad"),
        (b"  " + b'{"id":"1","text":"x"}' + b"\t\r", "post"),
        (b'{"id":"1","text":"a\tb"}', "post"),
        (b"\0\0\0", "bad"),
    ],
)
def test_lines_that_are_no_clean_json(line: bytes, expected: str) -> None:
    assert outcome(line) == expected


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"id":"1","text":"a\\u0000b"}', "a�b"),
        (b'{"id":"1","text":"a\0b"}', "a�b"),
        (b'{"id":"1","text":"a\\ud83d b"}', "a� b"),
        (b'{"id":"1","text":"\\ude00"}', "�"),
        (b'{"id":"1","text":"\\ud83d\\ude00"}', "😀"),
        (b'{"id":"1","text":"\xed\xa0\xbd"}', "�"),
        (b'{"id":"1","text":"\xed\xa0\xbd\xed\xb8\x80"}', "😀"),
        (b'{"id":"1","text":"a\\u0000","author":{"id":"2","username":"x","name":"n\\u0000"}}', "a�"),
        ('{"id":"1","text":"\\\\u0000 è"}'.encode(), "\\u0000 è"),
    ],
)
def test_nul_and_lone_surrogates_become_the_replacement_character(line: bytes, text: str) -> None:
    post = parse_line(line).posts[0]
    assert post.text == text
    author = post.author
    assert author is None or author.name == "n�"


def test_a_line_of_a_megabyte_is_fine() -> None:
    line = json.dumps({"id": "1", "text": "あ" * 350_000}, ensure_ascii=False).encode()
    assert len(line) > 1_000_000
    assert len(parse_line(line).posts[0].text) == 350_000


def test_faults_say_what_is_wrong() -> None:
    assert parse_line(b'{"id": }').bad[0].fault == "not JSON: Expecting value at character 8"
    assert parse_line(b'{"a":"\xff"}').bad[0].fault == "not UTF-8: invalid start byte at byte 7"
    assert parse_line(b"[]").bad[0].fault == "is a JSON array, not an object"
    assert parse_line(b'{"id":"1"}').bad[0].fault == "a post without text"
    assert parse_line(b'{"text":"1"}').bad[0].fault == "a post without id"
    bad = parse({"data": [POST, {"id": "2"}]}).bad[0]
    assert bad == (b'{"id":"2"}', "element 2 of the page: a post without text")


@pytest.mark.parametrize(
    ("fields", "identity", "revision"),
    [
        ({}, "30", 0),
        ({"edit_history_tweet_ids": ["30"]}, "30", 0),
        ({"edit_history_tweet_ids": ["10", "20", "30"]}, "10", 2),
        ({"edit_history_post_ids": [10, 20, 30]}, "10", 2),
        ({"edit_history_tweet_ids": None, "edit_history_post_ids": ["20", "30"]}, "20", 1),
        ({"edit_history_tweet_ids": ["10", "20"]}, "30", 0),  # a list without its own post says nothing of it
        ({"edit_history_tweet_ids": "30"}, "30", 0),
        ({"edit_history_tweet_ids": [None, "30"]}, "30", 0),
    ],
)
def test_identity_and_revision(fields: dict[str, Any], identity: str, revision: int) -> None:
    post = parse({"id": 30, "text": "x"} | fields).posts[0]
    assert (post.id, post.own_id, post.revision) == (identity, "30", revision)


@pytest.mark.parametrize(
    "fields",
    [
        {"lang": 5, "created_at": 7, "referenced_tweets": "x", "entities": [], "public_metrics": 3},
        {"referenced_tweets": [{"type": 5}, "x", {"id": "3"}, {"type": "quoted"}], "author_id": [], "author": "me"},
        {"note_tweet": {"text": 5}, "in_reply_to_user_id": {}, "conversation_id": 1.5, "entities": {"urls": "x"}},
    ],
)
def test_a_wrong_type_elsewhere_makes_no_post_bad(fields: dict[str, Any]) -> None:
    post = parse({"data": {**POST, **fields}, "includes": 5}).posts[0]
    assert (post.text, post.lang, post.created_at, post.author) == ("hello", None, None, None)


def test_authors_are_inside_or_included() -> None:
    user = {
        "id": 7,
        "username": "taro",
        "name": "太郎",
        "verified": True,
        "verified_type": "blue",
        "created_at": "2011-07-17T13:48:53.000Z",
        "public_metrics": {"followers_count": "12", "following_count": 3, "tweet_count": 4},
    }
    included = parse({"data": {**POST, "author_id": "7"}, "includes": {"users": [user]}}).posts[0].author
    inside = parse({**POST, "author": user}).posts[0].author
    assert included == inside
    assert included is not None
    assert (included.id, included.followers, included.following, included.posts) == ("7", 12, 3, 4)
    assert (included.username, included.verified_type, included.created_at) == (
        "taro",
        "blue",
        "2011-07-17T13:48:53.000Z",
    )
    renamed = user | {"public_metrics": {"post_count": 9}}
    assert (author := parse({**POST, "author": renamed}).posts[0].author)
    assert author.posts == 9


def test_an_author_of_whom_only_the_id_is_known_is_somebody() -> None:
    author = parse({"data": {**POST, "author_id": 7}}).posts[0].author
    assert author is not None
    assert (author.id, author.username, author.followers) == ("7", None, None)
    assert parse(POST).posts[0].author is None
