"""What X's answer to a look-up says of each post: there, gone and why, or nothing at all. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from workers.x import fields

# The two problems by which X says that a post is not to be shown. Any other (a field that we may not see, an
# over-loaded service) says nothing of the post.
_GONE: Final = {
    "resource-not-found": "deleted at X",
    "not-authorized-for-resource": "protected or suspended at X",
}
_ASKED_BY: Final = frozenset({"ids", "id"})


class Answer(NamedTuple):
    """`there`: X's object for each id asked for; `gone`: why; `unknown`: asked for, and not a word of it."""

    there: dict[str, dict[str, Any]]
    gone: dict[str, str]
    unknown: list[str]


def read_answer(asked: Sequence[str], answer: Mapping[str, Any]) -> Answer:
    """Sort the ids that were asked for. What the answer leaves out is unknown: never a reason to remove anything."""
    there: dict[str, dict[str, Any]] = {}
    gone: dict[str, str] = {}
    wanted = set(asked)
    for post in fields.mappings(answer.get("data")):
        own = fields.identifier(post.get("id"))
        # X may answer with the latest version of an edited post in place of the one that was asked for.
        for known in wanted.intersection([own, *edit_history(post)] if own else []):
            if known not in there or known == own:
                there[known] = post
    for error in fields.mappings(answer.get("errors")):
        named = fields.identifier(error.get("resource_id")) or fields.identifier(error.get("value"))
        problem = str(error.get("type", "")).rpartition("/")[2]
        if named in wanted and named not in there and problem in _GONE and error.get("parameter") in _ASKED_BY:
            gone[named] = _GONE[problem]
    for known, post in list(there.items()):
        if withheld := _withheld(post):
            gone[known] = withheld
            del there[known]
    return Answer(there, gone, [known for known in asked if known not in there and known not in gone])


def edit_history(post: Mapping[str, Any]) -> list[str]:
    """The ids that a post has had, oldest first, in either of X's spellings."""
    ids = post.get("edit_history_tweet_ids")
    ids = post.get("edit_history_post_ids") if ids is None else ids
    return [known for item in ids if (known := fields.identifier(item))] if isinstance(ids, list) else []


def _withheld(post: Mapping[str, Any]) -> str | None:
    """Why a post must not be shown, where a law or a court says so."""
    withheld = fields.mapping(post.get("withheld"))
    if not withheld:
        return None
    codes = withheld.get("country_codes")
    countries = [str(code) for code in codes] if isinstance(codes, list) else []
    return f"withheld at X in {', '.join(sorted(countries))}" if countries else "withheld at X"
