"""An edit found by a look-up, as the mention that it makes of the one that is held: a newer revision. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from config.keywords import comparable
from workers.steward.answer import edit_history
from workers.x import fields


def revision_of(post: Mapping[str, Any]) -> int:
    """The place of a post's own id in its edit list; 0 for one that was never edited."""
    own, history = fields.identifier(post.get("id")), edit_history(post)
    return history.index(own) if own in history else 0


def revised(held: bytes, post: Mapping[str, Any], received_at: str) -> bytes | None:
    """The mention held, with what X's post says now; fields that we don't know are carried. None: it has no text."""
    text = _text(post)
    if text is None:
        return None
    mention: dict[str, Any] = msgspec.json.decode(held)
    keywords = [word for word in mention.get("keywords", []) if comparable(word) in comparable(text)]
    if not keywords and mention.get("match", "keyword") == "keyword":
        mention["match"] = "revision"  # an edit that no longer matches stays with its brand
    entities = fields.mapping(_note(post).get("entities") or post.get("entities"))
    mention |= {
        "revision": revision_of(post),
        "text": text,
        "lang": fields.text(post.get("lang")) or mention.get("lang"),
        "received_at": received_at,
        "urls": _values(entities, "urls", "expanded_url"),
        "hashtags": _values(entities, "hashtags", "tag"),
        "handles": _values(entities, "mentions", "username"),
        "keywords": keywords,
        "metrics": {
            name: count
            for name, value in fields.mapping(post.get("public_metrics")).items()
            if (count := fields.count(value)) is not None
        },
        "edit_ids": edit_history(post),
    }
    return msgspec.json.encode(mention)


def _text(post: Mapping[str, Any]) -> str | None:
    return fields.text(_note(post).get("text")) or fields.text(post.get("text"))


def _note(post: Mapping[str, Any]) -> dict[str, Any]:
    return fields.mapping(post.get("note_tweet") or post.get("note_post"))


def _values(entities: Mapping[str, Any], kind: str, name: str) -> list[str]:
    found = (fields.text(entity.get(name)) for entity in fields.mappings(entities.get(kind)))
    return list(dict.fromkeys(value for value in found if value))
