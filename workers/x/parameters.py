"""What we ask X for with each post, in each of its spellings."""

from typing import Final, Literal

# The old names; the new ones; and the new ones as X's specification of August 2026 has them to the letter: there some
# are no fields, and come by an expansion alone.
Spelling = Literal["tweet", "post", "post-expanded"]
_SPELLINGS: Final[tuple[Spelling, ...]] = ("tweet", "post", "post-expanded")
_EXPANDED: Final = frozenset({"author_id", "in_reply_to_user_id", "referenced_posts", "edit_history_post_ids"})

_POST_FIELDS: Final = (
    "author_id", "created_at", "lang", "public_metrics", "conversation_id", "in_reply_to_user_id", "referenced_tweets",
    "entities", "note_tweet", "edit_history_tweet_ids", "possibly_sensitive", "withheld",
)  # fmt: skip
_RENAMED: Final = {
    "referenced_tweets": "referenced_posts",
    "note_tweet": "note_post",
    "edit_history_tweet_ids": "edit_history_post_ids",
}
_USER_FIELDS: Final = "username,name,created_at,public_metrics,verified,verified_type,description,protected"


def post_parameters(spelling: Spelling, *, authors: bool) -> dict[str, str]:
    """The parameters of the stream and of a search. `authors`: the writers too, whom X may bill."""
    fields = _POST_FIELDS if spelling == "tweet" else tuple(_RENAMED.get(field, field) for field in _POST_FIELDS)
    expansions = ["author_id"] if authors else []
    if spelling == "post-expanded":
        fields = tuple(field for field in fields if field not in _EXPANDED)
        expansions.append("referenced_posts")  # the root of a conversation is worth its price
    wanted = {parameter_name(spelling): ",".join(fields)}
    if expansions:
        wanted["expansions"] = ",".join(expansions)
    return wanted | {"user.fields": _USER_FIELDS} if authors else wanted


def parameter_name(spelling: Spelling) -> str:
    """The parameter that names a post's fields."""
    return "tweet.fields" if spelling == "tweet" else "post.fields"


# By a look-up: whether it is there, what it says now, how far it has spread. X shows the edit list with every post; in
# its new names that is no field to ask for.
_LOOKUP_FIELDS: Final = {
    "tweet.fields": "lang,public_metrics,entities,note_tweet,edit_history_tweet_ids,withheld",
    "post.fields": "lang,public_metrics,entities,note_post,withheld",
}


def lookup_parameters(spelling: Spelling) -> dict[str, str]:
    """The parameters of a look-up of posts that are known already."""
    name = parameter_name(spelling)
    return {name: _LOOKUP_FIELDS[name]}


def others(spelling: Spelling) -> list[Spelling]:
    """The ones to try where X refuses this one, in that order."""
    place = _SPELLINGS.index(spelling)
    return [*_SPELLINGS[place + 1 :], *_SPELLINGS[:place]]
