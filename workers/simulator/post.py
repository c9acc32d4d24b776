"""A post of the simulator and its author, as X holds them: everything, whatever a request asks to see."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

X_EPOCH_MS: Final = 1288834974657  # a post's id holds its time: (milliseconds since here) << 22
_SEQUENCE_BITS: Final = 22

Kind = Literal["retweeted", "quoted", "replied_to"]
HASHTAG: Final = re.compile(r"(?<!\w)[#＃](\w+)")
MENTION: Final = re.compile(r"(?<!\w)[@＠]([A-Za-z0-9_]{1,15})")
CASHTAG: Final = re.compile(r"(?<!\w)\$([A-Za-z]{1,6})\b")
LINK: Final = re.compile(r"https?://[^\s　]+")


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: str
    username: str
    name: str
    followers: int = 100
    following: int = 100
    posts: int = 1000
    verified: bool = False
    verified_type: str = "none"
    description: str = ""
    created_at: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """One revision of a post. `history`: the ids of all revisions up to this one, oldest first."""

    id: int
    text: str
    author: User
    created_at: datetime
    lang: str
    conversation_id: int
    history: tuple[int, ...]
    references: tuple[tuple[Kind, int], ...] = ()
    in_reply_to: User | None = None

    def reference(self, kind: Kind) -> int | None:
        """The id of the post that this one retweeted, quoted or answered."""
        return next((post_id for name, post_id in self.references if name == kind), None)

    @property
    def original_id(self) -> int:
        """The post's identity over all revisions."""
        return self.history[0]


def snowflake(at: datetime, sequence: int = 0) -> int:
    """The id of a post made then."""
    return (milliseconds(at) - X_EPOCH_MS) << _SEQUENCE_BITS | sequence


def time_of(post_id: int) -> datetime:
    """When the post of this id was made."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=(post_id >> _SEQUENCE_BITS) + X_EPOCH_MS)


def milliseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def stamp(at: datetime) -> str:
    """A time as X writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
