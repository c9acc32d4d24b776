"""Posts as the API shows them: the fields and expansions that were asked for, in one of X's two spellings."""

from collections.abc import Iterable
from typing import Any, Final

from workers.simulator.archive import Archive
from workers.simulator.post import CASHTAG, HASHTAG, LINK, MENTION, Post, User, stamp
from workers.simulator.problems import not_found
from workers.simulator.view import NEW_NAMES, View

_LONG: Final = 280  # a longer post shows so much in `text` and the whole in its note


class Renderer:
    """Shows posts of an archive under one view."""

    def __init__(self, archive: Archive, shown: View) -> None:
        self._archive, self._view = archive, shown

    def answer(self, posts: Iterable[Post]) -> dict[str, Any]:
        """`data`, `includes` and `errors` for these posts."""
        posts = list(posts)
        users: dict[str, User] = {}
        included: dict[int, Post] = {}
        errors: list[dict[str, Any]] = []
        for post in posts:
            self._expand(post, users, included, errors)
        answer: dict[str, Any] = {"data": [self.post(post) for post in posts]}
        includes: dict[str, Any] = {}
        if users:
            includes["users"] = [self.user(user) for user in users.values()]
        if included:
            includes["tweets" if self._view.spelling == "tweet" else "posts"] = list(map(self.post, included.values()))
        if includes:
            answer["includes"] = includes
        if errors:
            answer["errors"] = errors
        return answer

    def _expand(
        self, post: Post, users: dict[str, User], included: dict[int, Post], errors: list[dict[str, Any]]
    ) -> None:
        expansions = self._view.expansions
        if "author_id" in expansions:
            users[post.author.id] = post.author
        if "in_reply_to_user_id" in expansions and post.in_reply_to is not None:
            users[post.in_reply_to.id] = post.in_reply_to
        if not any(name.startswith("referenced_tweets.id") for name in expansions):
            return
        for _, other_id in post.references:
            other = self._archive.get(other_id)
            if other is None:
                errors.append(not_found("referenced_tweets.id", str(other_id)))
                continue
            included[other_id] = other
            if "referenced_tweets.id.author_id" in expansions:
                users[other.author.id] = other.author

    def post(self, post: Post) -> dict[str, Any]:
        """One post."""
        long = len(post.text) > _LONG and post.reference("retweeted") is None
        text = post.text[: _LONG - 1] + "…" if long else post.text
        everything: dict[str, Any] = {
            "author_id": post.author.id,
            "conversation_id": str(post.conversation_id),
            "created_at": stamp(post.created_at),
            "entities": entities(text),
            "in_reply_to_user_id": post.in_reply_to.id if post.in_reply_to else None,
            "lang": post.lang,
            "note_tweet": {"text": post.text, "entities": entities(post.text)} if long else None,
            "possibly_sensitive": False,
            "public_metrics": self._metrics(post),
            "referenced_tweets": [{"type": kind, "id": str(other)} for kind, other in post.references],
            "reply_settings": "everyone",
        }
        if countries := self._archive.withheld.get(post.id):
            everything["withheld"] = {"copyright": False, "country_codes": list(countries), "scope": "tweet"}
        shown: dict[str, Any] = {
            "id": str(post.id),
            "text": text,
            "edit_history_tweet_ids": [str(revision) for revision in self._archive.history(post)],
        }
        shown |= {name: value for name in self._view.shown if (value := everything.get(name)) not in (None, [], {})}
        if self._view.spelling == "post":
            return {NEW_NAMES.get(name, name): value for name, value in shown.items()}
        return shown

    def _metrics(self, post: Post) -> dict[str, int]:
        spread = self._archive.spread.get(post.id, {})
        passed_on = spread.get("retweeted", 0)
        return {
            "retweet_count" if self._view.spelling == "tweet" else "repost_count": passed_on,
            "reply_count": spread.get("replied_to", 0),
            "like_count": passed_on * 3,
            "quote_count": spread.get("quoted", 0),
            "bookmark_count": 0,
            "impression_count": passed_on * 200,
        }

    def user(self, user: User) -> dict[str, Any]:
        """One account."""
        everything: dict[str, Any] = {
            "created_at": stamp(user.created_at),
            "description": user.description,
            "protected": user.protected,
            "verified": user.verified,
            "verified_type": user.verified_type,
            "public_metrics": {
                "followers_count": user.followers,
                "following_count": user.following,
                "tweet_count" if self._view.spelling == "tweet" else "post_count": user.posts,
                "listed_count": 0,
            },
        }
        shown = {"id": user.id, "username": user.username, "name": user.name}
        return shown | {name: everything[name] for name in self._view.user_fields if name in everything}


def entities(text: str) -> dict[str, Any]:
    """The hashtags, mentions, cashtags and links of a text, with their places."""
    found: dict[str, Any] = {}
    for name, key, pattern in (
        ("hashtags", "tag", HASHTAG),
        ("mentions", "username", MENTION),
        ("cashtags", "tag", CASHTAG),
    ):
        if spans := [{"start": m.start(), "end": m.end(), key: m[1]} for m in pattern.finditer(text)]:
            found[name] = spans
    if urls := [
        {"start": m.start(), "end": m.end(), "url": m[0], "expanded_url": m[0], "display_url": m[0]}
        for m in LINK.finditer(text)
    ]:
        found["urls"] = urls
    return found
