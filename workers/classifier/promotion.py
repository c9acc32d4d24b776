"""Promotion that gives itself away by its form: giveaways for reposts, affiliate links, declared advertising. Pure.

The models know promotion by its words; these signs are certain enough to count whatever the models make of the rest.
A post that tells of a giveaway gone wrong stays what it is: a complaint outweighs the form.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple


class Sign(NamedTuple):
    """What gives a promotion away, in words; `certain`: alone enough for any post that is no complaint."""

    english: str
    japanese: str
    certain: bool


_REPOST: Final = r"(?:(?<![a-z])rt(?![a-z])|retweet|リツイート|リポスト|repost|引用)"
_PRIZE: Final = (
    r"(?:プレゼント|当たる|当たり|抽選|当選|名様|ギフト券|ギフトカード|懸賞|キャンペーン"
    r"|giveaway|to win|chance to win|prize|winners?)"
)
# Every pattern holds one of these: most posts are done with after one look.
_TRIGGERS: Final = re.compile(
    "rt|リツイ|リポス|引用|repost|retweet|#(?:pr|ad|sp|gi|af|提|広|ア|タ)|code|コード|友達紹介"
    "|in (?:my )?bio|プロフ|dm me|固ツイ|line追加|副業|月収"
)
_PATTERNS: Final = (
    (
        re.compile(rf"(?:フォロー|follow)[^\0]{{0,40}}{_REPOST}[^\0]{{0,80}}{_PRIZE}|{_PRIZE}[^\0]{{0,80}}"
                   rf"(?:フォロー|follow)[^\0]{{0,40}}{_REPOST}"),
        Sign("follow and repost to win", "フォロー＆リポストの懸賞", certain=True),
    ),
    (
        re.compile(rf"{_REPOST}\s*(?:&|＆|and|\+|で|して|した方|するだけ|(?=to ))[^\0]{{0,40}}{_PRIZE}"),
        Sign("repost to win", "リポストで当たる懸賞", certain=True),
    ),
    (
        re.compile(r"(?<![0-9a-z_])#(?:pr|ad|sponsored|gifted|affiliate|提供|広告|アフィリエイト|タイアップ)(?![0-9a-z_ぁ-んァ-ヶ一-龠])"),
        Sign("declared as advertising", "広告の表示あり", certain=True),
    ),
    (
        re.compile(r"(?:promo|discount|coupon|referral|invite) code|招待コード|紹介コード|クーポンコード|友達紹介で"),
        Sign("offers a code", "コードの配布・紹介", certain=False),
    ),
    (
        re.compile(r"link in (?:my )?bio|プロフ(?:ィール)?の?リンク|dm me (?:to|for)|固ツイ(?:から|に)"
                   r"|line追加|副業|月収\d"),
        Sign("lures elsewhere", "外部への誘導", certain=False),
    ),
)  # fmt: skip
# Hosts and parameters of affiliate programmes (ours; the usual ones of Japan and of the English-speaking world).
_AFFILIATE_HOSTS: Final = (
    "amzn.to/", "a.r10.to/", "hb.afl.rakuten.co.jp/", "px.a8.net/", "ck.jp.ap.valuecommerce.com/", "af.moshimo.com/",
    "ad2.trafficgate.net/", "click.j-a-net.jp/", "t.felmat.net/", "shope.ee/", "s.click.aliexpress.com/",
    "rover.ebay.com/", "shareasale.com/", "awin1.com/", "go.skimresources.com/", "click.linksynergy.com/",
    "rstyle.me/", "ltk.app.link/",
)  # fmt: skip
_AFFILIATE_TAG: Final = re.compile(r"[?&](?:tag=[\w-]+-2\d|aff(?:iliate)?(?:_?id)?=|ref_?id=|a_aid=|irclickid=)")
_AFFILIATE: Final = Sign("affiliate link", "アフィリエイトのリンク", certain=False)


def signs(folded: str, urls: Sequence[str]) -> list[Sign]:
    """The signs that a post shows; `folded` is its text in lower case, `urls` what its links lead to."""
    found = [sign for pattern, sign in _PATTERNS if pattern.search(folded)] if _TRIGGERS.search(folded) else []
    if urls and any(_is_affiliate(url.lower()) for url in urls):
        found.append(_AFFILIATE)
    return found


def _is_affiliate(url: str) -> bool:
    rest = url.partition("://")[2].removeprefix("www.")
    return rest.startswith(_AFFILIATE_HOSTS) or _AFFILIATE_TAG.search(url) is not None
