"""Every post that the simulator ever had, by id and in order of time: what search and look-up read."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from workers.simulator.post import Kind, Post, User, snowflake

Removal = Literal["deleted", "suspended", "protected"]
_CUT: Final = 120  # X cuts the text that a retweet itself shows; the whole stands in the original


class Archive:
    """Posts, their revisions, and which of them are gone."""

    def __init__(self) -> None:
        self._posts: dict[int, Post] = {}
        self._ids: list[int] = []
        self._superseded: set[int] = set()
        self._revisions: dict[int, list[int]] = {}
        self.removed: dict[int, tuple[Removal, datetime]] = {}
        self.withheld: dict[int, tuple[str, ...]] = {}
        """By post id, the countries where it must not be shown; it can still be read, marked so."""
        self.spread: dict[int, dict[Kind, int]] = {}
        """How often a post was retweeted, quoted and answered."""

    def __len__(self) -> int:
        return len(self._ids)

    def new_id(self, at: datetime) -> int:
        """The next free id of that millisecond."""
        post_id = snowflake(at)
        while post_id in self._posts:
            post_id += 1
        return post_id

    def write(
        self,
        text: str,
        author: User,
        at: datetime,
        lang: str,
        *,
        retweet_of: Post | None = None,
        quote_of: Post | None = None,
        reply_to: Post | None = None,
    ) -> Post:
        """A new post."""
        at = _to_the_millisecond(at)
        post_id = self.new_id(at)
        references: list[tuple[Kind, int]] = []
        if reply_to is not None:
            references.append(("replied_to", reply_to.id))
        if quote_of is not None:
            references.append(("quoted", quote_of.id))
        if retweet_of is not None:
            references = [("retweeted", retweet_of.id)]
            text, lang = _retweeted(retweet_of), retweet_of.lang
        post = Post(
            id=post_id,
            text=text,
            author=author,
            created_at=at,
            lang=lang,
            conversation_id=reply_to.conversation_id if reply_to is not None else post_id,
            history=(post_id,),
            references=tuple(references),
            in_reply_to=reply_to.author if reply_to is not None else None,
        )
        self._add(post)
        for kind, of in references:
            counts = self.spread.setdefault(of, {})
            counts[kind] = counts.get(kind, 0) + 1
        return post

    def edit(self, post: Post, text: str, at: datetime) -> Post:
        """A new revision of a post, under a new id; it follows the latest one."""
        post = self._posts[self._revisions[post.original_id][-1]]
        at = _to_the_millisecond(at)
        post_id = self.new_id(at)
        edited = replace(post, id=post_id, text=text, created_at=at, history=(*post.history, post_id))
        self._superseded.add(post.id)
        self._add(edited)
        return edited

    def remove(self, post_id: int, reason: Removal, at: datetime) -> None:
        """Take a post away, in every revision."""
        for known in self._revisions[self._posts[post_id].original_id]:
            self.removed[known] = (reason, at)

    def withhold(self, post_id: int, countries: tuple[str, ...]) -> None:
        """Let a post, in every revision, be one that must not be shown there."""
        for known in self._revisions[self._posts[post_id].original_id]:
            self.withheld[known] = countries

    def get(self, post_id: int) -> Post | None:
        """The post of this id, unless it is gone."""
        return None if post_id in self.removed else self._posts.get(post_id)

    def forget(self, post_id: int) -> None:
        """Let a post never have been: memory has an end."""
        post = self._posts.pop(post_id)
        del self._ids[bisect_left(self._ids, post_id)]
        self._superseded.discard(post_id)
        self._revisions.pop(post.original_id, None)
        self.removed.pop(post_id, None)
        self.withheld.pop(post_id, None)
        self.spread.pop(post_id, None)

    def history(self, post: Post) -> tuple[int, ...]:
        """Every id that the post has had by now: X shows the whole list with each of its revisions."""
        return tuple(self._revisions.get(post.original_id, post.history))

    def newest_first(self, above: int, below: int) -> Iterator[Post]:
        """The latest revisions of what is left, with ids between the two (both exclusive)."""
        place = bisect_left(self._ids, below) - 1
        while place >= 0 and (post_id := self._ids[place]) > above:
            if post_id not in self._superseded and post_id not in self.removed:
                yield self._posts[post_id]
            place -= 1

    def _add(self, post: Post) -> None:
        self._posts[post.id] = post
        self._revisions.setdefault(post.original_id, []).append(post.id)
        if self._ids and post.id < self._ids[-1]:
            insort(self._ids, post.id)
        else:
            self._ids.append(post.id)


def _to_the_millisecond(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _retweeted(original: Post) -> str:
    text = original.text if len(original.text) <= _CUT else original.text[:_CUT] + "…"
    return f"RT @{original.author.username}: {text}"
