"""How much of what an account posts is about one brand: from its mentions here and its own count of posts. Bounded."""

from collections import OrderedDict
from typing import Final

from workers.classifier.influence import FEWEST_FOLLOWERS
from workers.classifier.model import Post

MOST_ACCOUNTS: Final = 50_000  # ours: accounts remembered, the last seen (20 to 90 MB)
MOST_IDS: Final = 20  # ours: of an account's latest posts: what comes again comes soon
FEWEST_MENTIONS: Final = 3  # ours: fewer than this tell no share


class _Seen:
    __slots__ = ("first", "ids", "last", "mentions")

    def __init__(self, posts: int) -> None:
        self.first = self.last = posts
        self.mentions = 0
        self.ids: list[str] = []


class TopicShares:
    """By brand and account: its posts about the brand, and how far its count of posts has moved meanwhile.

    Of accounts with few followers nothing is kept: their share adds nothing to their influence.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], _Seen] = OrderedDict()

    def share(self, post: Post) -> float | None:
        """The share with this post counted; None before there is enough to tell."""
        author = post.author
        if author is None or author.posts is None or (author.followers or 0) < FEWEST_FOLLOWERS:
            return None
        who, post_id = author.id or author.username, post.id
        if not who or post_id is None or post.retweet_of:
            return None
        key = (post.brand or "", who)
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(author.posts)
            if len(self._seen) > MOST_ACCOUNTS:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        seen.first, seen.last = min(seen.first, author.posts), max(seen.last, author.posts)
        if post_id not in seen.ids:
            seen.mentions += 1
            seen.ids = [*seen.ids[1 - MOST_IDS :], post_id]
        mentions = seen.mentions
        return mentions / max(seen.last - seen.first + 1, mentions) if mentions >= FEWEST_MENTIONS else None
