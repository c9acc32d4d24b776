"""What a request asks to see of a post, in one of X's two spellings; a name that X does not know is a 400."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from workers.simulator.parameters import refuse

Spelling = Literal["tweet", "post"]
# The old names and what REST calls them since August 2026.
NEW_NAMES: Final = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
}
_NEW_EXPANSIONS: Final = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "referenced_tweets.id": "referenced_posts",
    "referenced_tweets.id.author_id": "referenced_posts.author_id",
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_POST_FIELDS: Final = _names(
    "article attachments author_id card_uri community_id context_annotations conversation_id created_at "
    "display_text_range edit_controls edit_history_tweet_ids entities geo id in_reply_to_user_id lang media_metadata "
    "note_tweet paid_partnership possibly_sensitive public_metrics referenced_tweets reply_settings scopes source "
    "suggested_source_links text withheld"
)
_USER_FIELDS: Final = _names(
    "affiliation created_at description entities id is_identity_verified location name pinned_tweet_id "
    "profile_banner_url profile_image_url protected public_metrics subscription_type url username verified "
    "verified_followers_count verified_type withheld"
)
_EXPANSIONS: Final = _names(
    "attachments.media_keys attachments.media_source_tweet attachments.poll_ids author_id edit_history_tweet_ids "
    "entities.mentions.username geo.place_id in_reply_to_user_id referenced_tweets.id "
    "referenced_tweets.id.attachments.media_keys referenced_tweets.id.author_id"
)
# The specification of August 2026 has these as expansions alone.
_NO_NEW_FIELDS: Final = frozenset({"author_id", "edit_history_tweet_ids", "in_reply_to_user_id", "referenced_tweets"})


class View(NamedTuple):
    """What a request asked to see, in the old names whatever the spelling."""

    fields: frozenset[str]
    user_fields: frozenset[str]
    expansions: frozenset[str]
    spelling: Spelling

    @property
    def shown(self) -> frozenset[str]:
        """The fields of a post: those asked for, and those that are expanded."""
        return self.fields | {name.removesuffix(".author_id").removesuffix(".id") for name in self.expansions}


def view(query: Mapping[str, str], allowed: Iterable[Spelling], *, strict: bool = False) -> View:
    """Read the parameters; ParameterError names a wrong one. `strict`: see `Options.strict_fields`."""
    allowed = list(allowed)
    for name in ("tweet", "post"):
        if name not in allowed and f"{name}.fields" in query:
            raise refuse(f"{name}.fields", f"The query parameter [{name}.fields] is not one of the known ones")
    if "tweet.fields" in query and "post.fields" in query:
        raise refuse("post.fields", "The query parameters [tweet.fields] and [post.fields] exclude each other")
    spelling: Spelling = "post" if "post.fields" in query or "tweet" not in allowed else "tweet"
    new = spelling == "post"
    fields = _read(
        query,
        f"{spelling}.fields",
        _POST_FIELDS - _NO_NEW_FIELDS if new and strict else _POST_FIELDS,
        NEW_NAMES if new else {},
    )
    user_fields = _read(query, "user.fields", _USER_FIELDS, {})
    expansions = _read(query, "expansions", _EXPANSIONS, _NEW_EXPANSIONS if new else {})
    return View(fields, user_fields, expansions, spelling)


def _read(
    query: Mapping[str, str], parameter: str, known: frozenset[str], renamed: Mapping[str, str]
) -> frozenset[str]:
    """The values of a parameter, in the old names."""
    by_name = {renamed.get(name, name): name for name in known}
    asked = [value for value in query.get(parameter, "").split(",") if value]
    for value in asked:
        if value not in by_name:
            message = f"The `{parameter}` query parameter value [{value}] is not one of the known ones"
            raise refuse(parameter, message, value)
    return frozenset(by_name[value] for value in asked)
