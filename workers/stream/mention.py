"""A post and the brand it is about -> the mention that goes on the topic."""

import re
from typing import Any

from schemas.mention import Mention, rfc3339, snowflake_time
from workers.stream.match import Match
from workers.stream.post import Post
from workers.x import fields

_HANDLE = re.compile(r"(?<![A-Za-z0-9_])[@＠]([A-Za-z0-9_]{1,20})")
_HASHTAG = re.compile(r"(?<!\w)[#＃](\w+)")


def make_mention(post: Post, match: Match, *, source: str, received_at: str, recovered: bool = False) -> Mention:
    """The mention of one brand by one post. A time that the source leaves out is the id's, else when we got it."""
    entities = post.entities
    retweet_of = post.reference_id("retweeted")
    quote_of = post.reference_id("quoted")
    in_reply_to = post.reference_id("replied_to")
    conversation_id = fields.identifier(post.fields.get("conversation_id"))
    root = retweet_of or quote_of or conversation_id or in_reply_to
    return Mention(
        id=post.id,
        revision=post.revision,
        source=source,
        brand=match.brand.id,
        match=match.reason,
        text=post.text,
        lang=post.lang,
        created_at=created_at(post) or received_at,
        received_at=received_at,
        author=post.author,
        conversation_id=conversation_id,
        in_reply_to=in_reply_to,
        retweet_of=retweet_of,
        quote_of=quote_of,
        root=post.identity_of(root) if root else post.id,
        urls=urls_of(post),
        hashtags=_named(entities, "hashtags", "tag") or (_HASHTAG.findall(post.text) if not entities else []),
        handles=_handles(post.text, entities),
        keywords=match.keywords,
        metrics=metrics_of(post),
        edit_ids=post.edit_ids if len(post.edit_ids) > 1 else [],
        recovered=recovered,
        sample=source == "sample",
    )


def created_at(post: Post) -> str | None:
    """When the post was written: as the source says, else as its id says."""
    written = post.created_at
    if written is None and (moment := snowflake_time(post.own_id)):
        return rfc3339(moment)
    return written


def urls_of(post: Post) -> list[str]:
    """What the post's links lead to."""
    entities = post.entities
    if "urls" not in entities:
        return []
    found = (
        fields.text(url.get("expanded_url")) or fields.text(url.get("url"))
        for url in fields.mappings(entities.get("urls"))
    )
    return _unique([url for url in found if url])


def _handles(text: str, entities: dict[str, Any]) -> list[str]:
    written = _HANDLE.findall(text) if "@" in text or "＠" in text else []
    return _unique(_named(entities, "mentions", "username") + written)


def _named(entities: dict[str, Any], kind: str, name: str) -> list[str]:
    if kind not in entities:
        return []
    found = (fields.text(entity.get(name)) for entity in fields.mappings(entities[kind]))
    return _unique([value for value in found if value])


def _unique(values: list[str]) -> list[str]:
    """Each value once, whatever its case, in the order of its first appearance."""
    if len(values) < 2:
        return values
    first: dict[str, str] = {}
    for value in values:
        first.setdefault(value.casefold(), value)
    return list(first.values())


def metrics_of(post: Post) -> dict[str, int]:
    """X's counts of answers to the post."""
    metrics = fields.mapping(post.fields.get("public_metrics"))
    return {name: number for name, value in metrics.items() if (number := fields.count(value)) is not None}
