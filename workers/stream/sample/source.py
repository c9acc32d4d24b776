"""The sample's posts as lines of X's stream, each when it is due; after a restart it goes on where the clock is."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from schemas.mention import SNOWFLAKE_EPOCH_MS, SNOWFLAKE_TIME_SHIFT, rfc3339
from workers.runtime.clock import Clock
from workers.runtime.stopping import unless
from workers.stream.sample import script
from workers.stream.source import Line

# Ours: after a pause what was missed of this time comes late; what is older would only be a flood. It covers the crisis
# for whoever stops in the middle of it and comes back.
_CATCH_UP: Final = timedelta(hours=1)
_BATCH_LINES: Final = 100


class SampleSource:
    """Endless, or the first episode alone. `started_at` is when the store was first run."""

    name = "sample"

    def __init__(self, started_at: datetime, clock: Clock, *, episode_alone: bool = False) -> None:
        self._started_at, self._clock, self._episode_alone = started_at, clock, episode_alone

    def acknowledged(self, lines: Sequence[Line]) -> None:
        """What was read twice is recognised by its id: there is nothing to remember."""

    def where(self, line: Line) -> Mapping[str, Any]:
        """The number of the post since the store's first run."""
        return {"source": self.name, "line": line.number}

    async def batches(self, stopping: asyncio.Event) -> AsyncGenerator[Sequence[Line], None]:
        """Each post when it is due. One that was due before goes at once: if it was seen then, it is a duplicate."""
        since = self._clock.now() - _CATCH_UP
        due: list[Line] = []
        lines = script.script(self._started_at, episode_alone=self._episode_alone)
        for number, line in enumerate(lines, start=1):
            if line.at < since and not self._episode_alone:
                continue
            wait = (line.at - self._clock.now()).total_seconds()
            if due and (wait > 0 or len(due) >= _BATCH_LINES):
                yield due
                due = []
            if wait > 0:
                await unless(stopping, self._clock.sleep(wait))
            if stopping.is_set():
                return
            due.append(Line(number, stream_line(line)))
        if due:
            yield due


def stream_line(line: script.Line) -> bytes:
    """The post as X's filtered stream gives it."""
    data = _post(line)
    includes: dict[str, Any] = {"users": [_user(line)]}
    if line.of is not None:
        includes["users"].append(_user(line.of))
        includes["tweets"] = [_post(line.of)]
    return msgspec.json.encode({"data": data, "includes": includes})


def _post(line: script.Line) -> dict[str, Any]:
    post_id = _snowflake(line.at)
    post: dict[str, Any] = {
        "id": post_id,
        "edit_history_tweet_ids": [post_id],
        "author_id": _user_id(line),
        "conversation_id": post_id,
        "created_at": rfc3339(line.at),
        "lang": line.lang,
        "public_metrics": {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0},
        "text": line.text,
    }
    if line.of is not None:
        kind = {"retweet": "retweeted", "quote": "quoted"}.get(line.kind, "replied_to")
        original = _snowflake(line.of.at)
        post["referenced_tweets"] = [{"type": kind, "id": original}]
        if line.kind == "retweet":
            post["text"] = f"RT @{_username(line.of)}: {line.text}"
        elif line.kind == "reply":
            post["text"] = f"@{_username(line.of)} {line.text}"
            post["conversation_id"] = original
            post["in_reply_to_user_id"] = _user_id(line.of)
    return post


def _user(line: script.Line) -> dict[str, Any]:
    return {
        "id": _user_id(line),
        "username": _username(line),
        "name": script.display_name(line),
        "created_at": "2019-04-01T00:00:00.000Z",
        "verified": line.followers >= 100_000,
        "public_metrics": {
            "followers_count": line.followers,
            "following_count": 150,
            "tweet_count": 2_000 + line.person,
        },
    }


def _user_id(line: script.Line) -> str:
    return str(line.person + 1)


def _username(line: script.Line) -> str:
    return f"sample_person_{line.person + 1:03d}"  # longer than X allows, so that it is nobody's


def _snowflake(at: datetime) -> str:
    """The id that X would give at this moment: no two posts of the script have the same."""
    milliseconds = round(at.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS
    return str(milliseconds << SNOWFLAKE_TIME_SHIFT)
