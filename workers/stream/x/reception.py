"""What comes from X: counted for the bill, put in the buffer, followed until the log has it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from schemas.mention import snowflake_time
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.stream.source import Line
from workers.stream.x.buffer import Buffer
from workers.stream.x.volume import Volume
from workers.stream.x.watermark import Watermark
from workers.x import fields
from workers.x.failure import Failure, of_message
from workers.x.meter import Meter

_log = get_logger(__name__)

_UNBELIEVABLE_SECONDS: Final = 3600.0  # ours: a post that is so late has a wrong time, not a slow way


class Reception:
    """The stream's lines and the pages of a search, on one way to the worker."""

    def __init__(
        self,
        meter: Meter,
        watermark: Watermark,
        clock: Clock,
        buffer: Buffer,
        behind_seconds: float = 20.0,
        speed: float = 1.0,
    ) -> None:
        self.meter, self.watermark, self.buffer = meter, watermark, buffer
        self.volume = Volume(clock.monotonic(), speed)
        self.on_connected: Callable[[], None] = lambda: None
        self._clock = clock
        self._behind_seconds, self._behind = behind_seconds, False
        self._number = 0

    def connected(self) -> None:
        """X took the connection."""
        self.on_connected()

    def heard(self) -> None:
        """A line or a heartbeat came. While the stream gives posts of long ago, what is newer is still to come."""
        now = self._now_ms()
        self.watermark.clock_reads(now)
        if not self._behind:
            self.watermark.heard(now)

    def line(self, data: bytes, fault: str | None) -> Failure | None:
        """A line of the stream. Every line goes on, whatever is in it; some end the connection."""
        self._number += 1
        self.watermark.took(self._number, self._now_ms())
        self.buffer.put(Line(self._number, data, fault))
        message = _decoded(data) if fault is None else None
        if message is not None:
            if post_ids := list(_post_ids([message.get("data")])):
                self.volume.post(self._clock.monotonic())
                self.bill(post_ids, _author_ids(message))
                self._look_behind(fields.mapping(message.get("data")))
            elif failure := of_message(message):
                return failure
        if self.spent:
            return Failure("spent", f"{self.meter.limits(self._clock.now())[0]} are used")
        if self.buffer.full:
            return Failure("full", "the log is slower than the stream: what is missed meanwhile is found by search")
        return None

    def page(self, answer: dict[str, Any], data: bytes, gap_start: int, *, late: bool = True) -> int:
        """A page of a search; returns how many of its posts were new today. `late`: they came after their time."""
        self._number += 1
        self.watermark.recovered(self._number, gap_start)
        self.buffer.put(Line(self._number, data, recovered=late))
        found = fields.mappings(answer.get("data"))
        includes = fields.mapping(answer.get("includes"))
        referred = fields.mappings(includes.get("tweets")) + fields.mappings(includes.get("posts"))
        self.bill(_post_ids(referred), ())  # we ask for none, but where X has a post's root no other way
        return self.bill(_post_ids(found), _author_ids(answer))

    def acknowledged(self, lines: Iterable[Line]) -> None:
        """The log has these."""
        self.watermark.acknowledged(line.number for line in lines)

    @property
    def spent(self) -> bool:
        """Whether the budget allows nothing more."""
        return self.meter.left(self._clock.now()) == 0

    def bill(self, post_ids: Iterable[str], author_ids: Iterable[str]) -> int:
        """Count these; returns how many of the posts were new today."""
        new = self.meter.add(post_ids, author_ids, self._clock.now())
        metrics.X_POSTS_BILLED.inc(new.posts)
        metrics.X_AUTHORS_BILLED.inc(new.authors)
        return new.posts

    def _look_behind(self, post: dict[str, Any]) -> None:
        created = fields.moment(post.get("created_at"))
        written = datetime.fromisoformat(created) if created else snowflake_time(str(post.get("id")))
        if written is None:
            return
        delay = (self._clock.now() - written).total_seconds()
        self._behind = self._behind_seconds < delay < _UNBELIEVABLE_SECONDS
        if self._behind:
            self.watermark.heard(round(written.timestamp() * 1000))

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)


def _decoded(data: bytes) -> dict[str, Any] | None:
    try:
        message = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # the worker puts it aside, with what is wrong with it
    return message if isinstance(message, dict) else None


def _post_ids(posts: Sequence[Any]) -> Iterable[str]:
    """What X bills: each revision is a post of its own."""
    return (known for post in posts if isinstance(post, dict) and (known := fields.identifier(post.get("id"))))


def _author_ids(answer: dict[str, Any]) -> Iterable[str]:
    """The users that came with an answer: none where we didn't ask for them."""
    users = fields.mappings(fields.mapping(answer.get("includes")).get("users"))
    return (known for user in users if (known := fields.identifier(user.get("id"))))
