"""Stream lines as X sends them, made up: single posts, and a long mixed run of them that is the same every time."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

X_EPOCH_MS = 1288834974657  # a post's id holds its time: (milliseconds since here) << 22
START = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)

COMPLAINTS = (
    "Acme is the worst. My order never arrived and support ignores me, I want a refund",
    "アクメ最悪。届いた商品が壊れていて、問い合わせても返事がない。返金してほしい",
    "Still no refund from Acme. Terrible service, the charger broke after two days 😡",
    "アクメのアプリ、また落ちた。もう三日も使えない。ふざけるな",
)
PRAISE = (
    "I love my new Acme charger, it works perfectly. Great job!",
    "アクメのサポート、対応が早くて最高だった。ありがとう🙏",
)
NEUTRAL = ("Acme opens a store in Osaka on Monday", "アクメの新しい店が大阪にできるらしい")
OTHERS = ("What a beautiful morning", "今日の昼はラーメンにした")


def post_id(at: datetime, sequence: int = 0) -> str:
    """A snowflake of that time."""
    return str((int(at.timestamp() * 1000) - X_EPOCH_MS) << 22 | sequence)


def line(text: str, at: datetime = START, sequence: int = 0, *, author: int = 1, **fields: Any) -> str:
    """One line of the filtered stream. `fields` are more of the post's own."""
    identity = fields.pop("id", post_id(at, sequence))
    name = f"user{author}"
    post = {
        "id": identity,
        "text": text,
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "author_id": str(author),
        "conversation_id": identity,
        "edit_history_tweet_ids": [identity],
        "lang": "en" if text.isascii() else "ja",
        **fields,
    }
    user = {"id": str(author), "username": name, "name": name, "public_metrics": {"followers_count": 100 + author}}
    return json.dumps({"data": post, "includes": {"users": [user]}}, ensure_ascii=False)


def mixed(count: int, *, every: timedelta = timedelta(seconds=1), seed: int = 7) -> Iterator[str]:
    """`count` lines: complaints in conversations of one to a few posts, praise, news, strangers, edits, repeats, noise.

    The authors of complaints are few enough that no burst rule of 20 authors in 10 minutes holds at this pace.
    """
    random_ = random.Random(seed)
    conversations: list[str] = []
    edited: set[str] = set()
    lines: list[str] = []
    for number in range(count):
        at = START + number * every
        identity, dice = post_id(at, number % 4096), random_.random()
        if dice < 0.2 or not conversations:
            conversations.append(identity)
            made = line(random_.choice(COMPLAINTS), at, id=identity, author=number % 15)
        elif dice < 0.55:
            conversation = random_.choice(conversations[-20:])
            made = line(random_.choice(COMPLAINTS), at, id=identity, author=number % 15, conversation_id=conversation)
        elif dice < 0.65:
            made = line(random_.choice(PRAISE), at, id=identity, author=number % 40)
        elif dice < 0.75:
            made = line(random_.choice(NEUTRAL), at, id=identity, author=number % 40)
        elif dice < 0.80:
            unedited = [one for one in conversations[-40:] if one not in edited]
            first = random_.choice(unedited or [identity])
            edited.add(first)
            history: dict[str, Any] = {"conversation_id": first, "edit_history_tweet_ids": [first, identity]}
            made = line(random_.choice(COMPLAINTS), at, id=identity, author=number % 15, **history)
        elif dice < 0.84:
            made = random_.choice(lines[-30:])
        elif dice < 0.86:
            made = random_.choice(('{"data": {"id": "1', '{"errors": [{"title": "x"}]}', "\ufffd{"))
        else:
            made = line(random_.choice(OTHERS), at, id=identity, author=number % 40)
        lines.append(made)
        yield made


def wave(authors: int, at: datetime, *, every: timedelta = timedelta(seconds=10)) -> Iterator[str]:
    """Complaints by so many people, each a conversation of its own: a burst, where 20 in 10 minutes are one."""
    for number in range(authors):
        yield line(COMPLAINTS[number % len(COMPLAINTS)], at + number * every, sequence=number, author=5000 + number)
