"""A line of a source -> its posts: a stream object, a page of results or one flattened post."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from workers.stream.decode import BadLineError, decode_line
from workers.stream.post import Context, Fields, Post
from workers.x import fields

# What only other objects of X have: users, lists, compliance rows, counts, media, places, polls, spaces, rules. One of
# these with an id and no text is no broken post.
_OTHER_OBJECTS = frozenset(
    ("username", "name", "action", "tweet_count", "post_count", "media_key", "full_name", "options", "state", "value")
)


class BadPost(NamedTuple):
    """What could not be read, its own bytes, and what is wrong with it."""

    payload: bytes
    fault: str


class Parsed(NamedTuple):
    """What a line holds; with neither posts nor faults it is one `other`."""

    posts: list[Post]
    bad: list[BadPost]
    tags: Sequence[str] = ()
    """Of the rules that X says matched it."""


def parse_line(line: bytes) -> Parsed:
    """Read one line. It never raises: what can't be read is in `bad`."""
    try:
        value = decode_line(line)
        if not isinstance(value, dict):
            raise BadLineError(f"is a JSON {_json_type(value)}, not an object")
        context = Context(fields.mapping(value.get("includes")))
        data = value.get("data")
        if isinstance(data, list):
            return _page(data, context)
        post = _post(data if isinstance(data, dict) else value, context)
    except BadLineError as error:
        return Parsed([], [BadPost(line, str(error))])
    rules = value.get("matching_rules")
    return Parsed([post] if post else [], [], _tags(rules) if rules else ())


def _tags(rules: Any) -> list[str]:
    return [tag for rule in fields.mappings(rules) if (tag := fields.text(rule.get("tag")))]


def _page(items: list[Any], context: Context) -> Parsed:
    parsed = Parsed([], [])
    for place, item in enumerate(items, start=1):
        try:
            if isinstance(item, dict):
                post = _post(item, context)
                if post:
                    parsed.posts.append(post)
            elif item is not None:
                raise BadLineError(f"is a JSON {_json_type(item)}, not an object")
        except BadLineError as error:
            parsed.bad.append(BadPost(msgspec.json.encode(item), f"element {place} of the page: {error}"))
    return parsed


def _post(source: Fields, context: Context) -> Post | None:
    """The post that this object is; None for an object of another kind."""
    post_id = fields.identifier(source.get("id"))
    text = fields.text(source.get("text"))
    if post_id is not None and text is not None:
        return Post(post_id, text, source, context)
    if source.get("id") is None and source.get("text") is None:
        return None
    if text is None and not _OTHER_OBJECTS.isdisjoint(source):
        return None
    raise BadLineError(_what_is_missing(source, post_id))


def _what_is_missing(source: Fields, post_id: str | None) -> str:
    if post_id is not None:
        return "a post without text" if source.get("text") is None else "a post whose text is no string"
    return "a post without id" if source.get("id") is None else "a post whose id is neither a string nor a number"


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", str: "string", list: "array"}.get(type(value), "number")
