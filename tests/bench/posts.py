"""Mentions for the benchmarks: 25 fields, about 690 bytes of JSON each, as the design measured with."""

import msgspec

from schemas.mention import SNOWFLAKE_EPOCH_MS, SNOWFLAKE_TIME_SHIFT, Author, Mention
from schemas.topics import mention_partition
from workers.log.contract import Outgoing

BRANDS = 15
START_MS = 1_775_000_000_000


def mention(number: int) -> Mention:
    """One mention; ids grow with time, as X's do."""
    post_id = str((START_MS + number * 4 - SNOWFLAKE_EPOCH_MS) << SNOWFLAKE_TIME_SHIFT | number % 4096)
    return Mention(
        id=post_id,
        source="bench",
        brand=f"brand-{number % BRANDS}",
        text=f"My charger from Acme broke again after {number} days, アクメの充電器がまた壊れた。",
        lang="ja",
        created_at="2026-04-01T00:00:00.000Z",
        received_at="2026-04-01T00:00:00.120Z",
        author=Author(id="12", username=f"user{number % 5000}", name="誰か", followers=120, following=80, posts=900),
        conversation_id=post_id,
        root=post_id,
        hashtags=["充電器"],
        keywords=["アクメ"],
        metrics={"like_count": 0, "reply_count": 0},
    )


def outgoing(first: int, count: int, partitions: int) -> list[Outgoing]:
    """Records of so many mentions."""
    records = []
    for number in range(first, first + count):
        one = mention(number)
        value = msgspec.json.encode(one)
        headers = [("traceparent", b"00-%032x-%016x-01" % (number, number))]
        records.append(Outgoing(mention_partition(one.id, partitions), one.key, value, headers))
    return records
