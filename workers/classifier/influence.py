"""How far a post carries: from followers, verification, age, following, lists and echo; never from followers alone."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from schemas.mark import Influence
from schemas.mention import Author

# Points (ours). Followers: 10,000 are one point, each tenfold one more, 10 million and above four.
NOTABLE: Final = 1.0
INFLUENCER: Final = 2.0
_FOLLOWERS_AT_ZERO_LOG10: Final = 3.0
FEWEST_FOLLOWERS: Final = 1_000  # with fewer, only an echo or a watch-list makes anybody weigh
_FOLLOWERS_CAP_POINTS: Final = 4.0

_OFFICIAL: Final = frozenset({"business", "government"})
_YOUNG_DAYS: Final = 90
_OLD_DAYS: Final = 3 * 365
_FEW_POSTS: Final = 50

# Lists: people put an account worth following on one in some hundreds of follows; bought followers do not (ours).
_LISTED_WELL: Final = 1 / 300
_LISTED_HARDLY: Final = 1 / 10_000
_LISTS_TELL_FROM_FOLLOWERS: Final = 10_000

# Echo: of so many followers about one in a hundred answers a post, fewer the more there are (ours: followers^0.8 / 20,
# at least ten). Tenfold that is half a point; a post has no echo yet when it is fresh, so too little costs nothing.
_ECHO: Final = ("like_count", "retweet_count", "repost_count", "quote_count", "reply_count")
_ECHO_POINTS_TENFOLD: Final = 0.5
_ECHO_CAP_POINTS: Final = 1.5

# Who speaks of the brand in one of five posts is heard on it (ours).
_TOPIC_SHARE: Final = 0.2

Part = tuple[str, str, float]
"""In English, in Japanese, points."""


class Weighed(NamedTuple):
    """An influence with the parts that made it, each with its points, so that a person can see why."""

    influence: Influence
    points: float
    parts: tuple[Part, ...]


NOBODY: Final = Weighed("none", 0.0, ())


def weigh(
    author: Author | None,
    at: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    *,
    share: float | None = None,
    watched: bool = False,
) -> Weighed:
    """What weight the author had when posting (`at`, RFC 3339), and the post by its own echo (X's counts).

    `share`: of the author's posts, how many are about the brand. `watched`: on the brand's watch-list. With nothing but
    followers known, at most notable: numbers can be bought.
    """
    followers = max(author.followers or 0, 0) if author is not None else 0
    echo = _echo(metrics, followers) if metrics else None
    if author is None or (followers < FEWEST_FOLLOWERS and echo is None and not watched):
        return NOBODY
    reach = min(max(math.log10(max(followers, 1)) - _FOLLOWERS_AT_ZERO_LOG10, 0.0), _FOLLOWERS_CAP_POINTS)
    found = (_verified(author), _age(author, at), _ratio(author), _activity(author), _listed(author), echo)
    others = [part for part in (*found, _topic(share)) if part]
    points = reach + sum(part[2] for part in others)
    parts = ((f"{followers:,} followers", f"フォロワー{followers:,}人", reach), *others)
    influence: Influence = "none"
    if watched:
        influence, parts = "watchlist", (("on the watch-list", "監視リストの登録アカウント", 0.0), *parts)
    elif points >= INFLUENCER and others:
        influence = "influencer"
    elif points >= NOTABLE:
        influence = "notable"
    return Weighed(influence, points, parts)


def _verified(author: Author) -> Part | None:
    if (author.verified_type or "").lower() in _OFFICIAL:
        return f"verified as {str(author.verified_type).lower()}", "組織として認証済み", 0.5
    if author.verified:
        return "verified", "認証済み", 0.2
    if author.verified is False:
        return "not verified", "未認証", 0.0
    return None


def _age(author: Author, at: str | None) -> Part | None:
    created, posted = _moment(author.created_at), _moment(at)
    if created is None or posted is None:
        return None
    days = (posted - created).days
    if days < _YOUNG_DAYS:
        return f"account only {max(days, 0)} days old", f"開設{max(days, 0)}日", -1.0
    if days >= _OLD_DAYS:
        return f"account {days // 365} years old", f"開設{days // 365}年", 0.2
    return f"account {days // 30} months old", f"開設{days // 30}か月", 0.0


def _ratio(author: Author) -> Part | None:
    if author.following is None or author.followers is None:
        return None
    ratio = author.followers / max(author.following, 1)
    if ratio < 1.2:
        return "follows as many as follow back", "相互フォロー中心", -0.7
    if ratio >= 10:
        return "followed by far more than it follows", "フォローより被フォローが多い", 0.2
    return "follows some", "フォロー数は普通", 0.0


def _activity(author: Author) -> Part | None:
    if author.posts is None:
        return None
    if author.posts < _FEW_POSTS:
        return f"only {author.posts} posts", f"投稿{author.posts}件のみ", -0.7
    return f"{author.posts:,} posts", f"投稿{author.posts:,}件", 0.0


def _listed(author: Author) -> Part | None:
    if author.listed is None or not author.followers:
        return None
    share = author.listed / author.followers
    if share >= _LISTED_WELL and author.listed >= 10:
        return f"on {author.listed:,} lists", f"リスト登録{author.listed:,}件", 0.3
    if share < _LISTED_HARDLY and author.followers >= _LISTS_TELL_FROM_FOLLOWERS:
        return f"on only {author.listed:,} lists", f"リスト登録{author.listed:,}件のみ", -0.5
    return f"on {author.listed:,} lists", f"リスト登録{author.listed:,}件", 0.0


def _echo(metrics: Mapping[str, Any], followers: int) -> Part | None:
    """The answers to the post against what an account of that size expects; None for no more than that."""
    answers = sum(count for name in _ECHO if isinstance(count := metrics.get(name), int) and count > 0)
    expected = max(followers**0.8 / 20, 10.0)
    if answers <= expected:
        return None
    points = min(math.log10(answers / expected) * _ECHO_POINTS_TENFOLD, _ECHO_CAP_POINTS)
    times = answers / expected
    english = f"{answers:,} likes, reposts and replies, {times:.0f}× what its size expects"
    return english, f"反応{answers:,}件 (規模の目安の{times:.0f}倍)", points


def _topic(share: float | None) -> Part | None:
    if share is None or share < _TOPIC_SHARE:
        return None
    percent = round(min(share, 1.0) * 100)
    return f"{percent} % of its posts are about the brand", f"投稿の{percent}%がこのブランドの話題", 0.3


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
