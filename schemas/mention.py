"""A mention: a post that matched a brand's keywords, in one shape whatever its source (topic `mentions.v1`)."""

from datetime import UTC, datetime
from typing import Any

import msgspec

SCHEMA_VERSION = 1

# X's ids since November 2010 hold milliseconds since this moment in their upper bits ("snowflake").
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
SNOWFLAKE_TIME_SHIFT = 22


class Author(msgspec.Struct, omit_defaults=False):
    """Who wrote a post, as far as the source said. Counts are None where unknown, times RFC 3339 in UTC."""

    id: str | None = None
    username: str | None = None
    name: str | None = None
    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    listed: int | None = None
    verified: bool | None = None
    verified_type: str | None = None
    created_at: str | None = None


class Mention(msgspec.Struct, kw_only=True):
    """One post about one brand.

    `id` is the post's identity: the first id of its edit list; `revision` the position of this text in that list,
    0 for the original. `match` says why the post is here: keyword, handle, reply, quote (of one of our accounts),
    source-only, or revision (an edit that no longer matches). `text` is the text that was matched: the full text of a
    long post, the original's of a retweet. `root` is what posts of one incident have in common: the retweeted post,
    else the quoted one, else the conversation, else the post replied to, else the post itself. `created_at` and
    `received_at` are RFC 3339 in UTC. `edit_ids` is the whole edit list of a post that was edited, empty otherwise: by
    it a post is found under any id that it had.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    revision: int = 0
    source: str = ""
    brand: str
    match: str = "keyword"
    text: str
    lang: str | None = None
    created_at: str
    received_at: str | None = None
    author: Author | None = None
    conversation_id: str | None = None
    in_reply_to: str | None = None
    retweet_of: str | None = None
    quote_of: str | None = None
    root: str | None = None
    urls: list[str] = []
    hashtags: list[str] = []
    handles: list[str] = []
    keywords: list[str] = []
    metrics: dict[str, Any] = {}
    edit_ids: list[str] = []
    recovered: bool = False
    sample: bool = False

    @property
    def key(self) -> bytes:
        """The record's key on every topic: `<brand id>/<first edit id>`."""
        return record_key(self.brand, self.id)

    @property
    def root_id(self) -> str:
        """The root, derived where the writer left it out."""
        return self.root or self.retweet_of or self.quote_of or self.conversation_id or self.in_reply_to or self.id


def record_key(brand: str, post_id: str) -> bytes:
    """The record key of a post of a brand, the same on every topic, so that compaction and a null value reach all."""
    return f"{brand}/{post_id}".encode()


def split_key(key: bytes) -> tuple[str, str]:
    """Brand id and post id of a record key; a post id holds no slash, nor does a brand id."""
    brand, _, post_id = key.decode("utf-8", "replace").partition("/")
    return brand, post_id


def snowflake_time(post_id: str) -> datetime | None:
    """When the post with this id was created (UTC, millisecond resolution); None for ids that hold no time."""
    if not post_id.isascii() or not post_id.isdigit() or len(post_id) > 20:
        return None
    milliseconds = int(post_id) >> SNOWFLAKE_TIME_SHIFT
    if milliseconds == 0:
        return None
    return datetime.fromtimestamp((milliseconds + SNOWFLAKE_EPOCH_MS) / 1000, UTC)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with Z, in milliseconds: the one spelling of a time in everything we write."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
