"""How far a post carries: from followers, verification, age and following, never from followers alone."""

import math
from datetime import UTC, datetime
from typing import Final, NamedTuple

from schemas.mark import Influence
from schemas.mention import Author

# Points (ours). Followers: 10,000 are one point, each tenfold one more, 10 million and above four.
NOTABLE: Final = 1.0
INFLUENCER: Final = 2.0
_FOLLOWERS_AT_ZERO_LOG10: Final = 3.0
_FOLLOWERS_CAP_POINTS: Final = 4.0

_OFFICIAL: Final = frozenset({"business", "government"})
_YOUNG_DAYS: Final = 90
_OLD_DAYS: Final = 3 * 365
_FEW_POSTS: Final = 50


class Weighed(NamedTuple):
    """An influence with the parts that made it, each with its points, so that a person can see why."""

    influence: Influence
    points: float
    parts: tuple[tuple[str, str, float], ...]  # in English, in Japanese, points


NOBODY: Final = Weighed("none", 0.0, ())


def weigh(author: Author | None, at: str | None = None) -> Weighed:
    """What weight the author had when posting (`at`, RFC 3339).

    With nothing but followers known, at most notable: numbers can be bought.
    """
    if author is None or author.followers is None or author.followers < 10**_FOLLOWERS_AT_ZERO_LOG10:
        return NOBODY
    reach = min(math.log10(author.followers) - _FOLLOWERS_AT_ZERO_LOG10, _FOLLOWERS_CAP_POINTS)
    others = [part for part in (_verified(author), _age(author, at), _ratio(author), _activity(author)) if part]
    points = reach + sum(part[2] for part in others)
    parts = ((f"{author.followers:,} followers", f"フォロワー{author.followers:,}人", reach), *others)
    influence: Influence = "none"
    if points >= INFLUENCER and others:
        influence = "influencer"
    elif points >= NOTABLE:
        influence = "notable"
    return Weighed(influence, points, parts)


def _verified(author: Author) -> tuple[str, str, float] | None:
    if (author.verified_type or "").lower() in _OFFICIAL:
        return f"verified as {str(author.verified_type).lower()}", "組織として認証済み", 0.5
    if author.verified:
        return "verified", "認証済み", 0.2
    if author.verified is False:
        return "not verified", "未認証", 0.0
    return None


def _age(author: Author, at: str | None) -> tuple[str, str, float] | None:
    created, posted = _moment(author.created_at), _moment(at)
    if created is None or posted is None:
        return None
    days = (posted - created).days
    if days < _YOUNG_DAYS:
        return f"account only {max(days, 0)} days old", f"開設{max(days, 0)}日", -1.0
    if days >= _OLD_DAYS:
        return f"account {days // 365} years old", f"開設{days // 365}年", 0.2
    return f"account {days // 30} months old", f"開設{days // 30}か月", 0.0


def _ratio(author: Author) -> tuple[str, str, float] | None:
    if author.following is None or author.followers is None:
        return None
    ratio = author.followers / max(author.following, 1)
    if ratio < 1.2:
        return "follows as many as follow back", "相互フォロー中心", -0.7
    if ratio >= 10:
        return "followed by far more than it follows", "フォローより被フォローが多い", 0.2
    return "follows some", "フォロー数は普通", 0.0


def _activity(author: Author) -> tuple[str, str, float] | None:
    if author.posts is None:
        return None
    if author.posts < _FEW_POSTS:
        return f"only {author.posts} posts", f"投稿{author.posts}件のみ", -0.7
    return f"{author.posts:,} posts", f"投稿{author.posts:,}件", 0.0


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
