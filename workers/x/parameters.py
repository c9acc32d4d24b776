"""What we ask X for with each post, in both of its spellings."""

from typing import Final, Literal

Spelling = Literal["tweet", "post"]

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
    fields = _POST_FIELDS if spelling == "tweet" else [_RENAMED.get(field, field) for field in _POST_FIELDS]
    wanted = {f"{spelling}.fields": ",".join(fields)}
    return wanted | {"expansions": "author_id", "user.fields": _USER_FIELDS} if authors else wanted


# By a look-up: whether it is there, what it says now, how far it has spread. X shows the edit list with every post; in
# its new names that is no field to ask for.
_LOOKUP_FIELDS: Final[dict[Spelling, str]] = {
    "tweet": "lang,public_metrics,entities,note_tweet,edit_history_tweet_ids,withheld",
    "post": "lang,public_metrics,entities,note_post,withheld",
}


def lookup_parameters(spelling: Spelling) -> dict[str, str]:
    """The parameters of a look-up of posts that are known already."""
    return {f"{spelling}.fields": _LOOKUP_FIELDS[spelling]}


def other(spelling: Spelling) -> Spelling:
    """The one that X was not asked with."""
    return "post" if spelling == "tweet" else "tweet"
