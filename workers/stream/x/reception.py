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
from workers.x.meter import WARN_SHARE, Meter, utc_day

_log = get_logger(__name__)

_UNBELIEVABLE_SECONDS: Final = 3600.0  # ours: a post that is so late has a wrong time, not a slow way


class Reception:
    """The stream's lines and the pages of a search, on one way to the worker."""

    def __init__(
        self, meter: Meter, watermark: Watermark, clock: Clock, buffer: Buffer, behind_seconds: float = 20.0
    ) -> None:
        self.meter, self.watermark, self.buffer = meter, watermark, buffer
        self.volume = Volume(clock.monotonic())
        self.on_connected: Callable[[], None] = lambda: None
        self._clock = clock
        self._behind_seconds, self._behind = behind_seconds, False
        self._number = 0
        self._warned_on: str | None = None

    def connected(self) -> None:
        """X took the connection."""
        self.on_connected()

    def heard(self) -> None:
        """A line or a heartbeat came. While the stream gives posts of long ago, what is newer is still to come."""
        if not self._behind:
            self.watermark.heard(self._now_ms())

    def line(self, data: bytes, fault: str | None) -> Failure | None:
        """A line of the stream. Every line goes on, whatever is in it; some end the connection."""
        self._number += 1
        self.watermark.took(self._number, self._now_ms())
        self.buffer.put(Line(self._number, data, fault))
        message = _decoded(data) if fault is None else None
        if message is not None:
            if post_ids := list(_post_ids([message.get("data")])):
                self.volume.post(self._clock.monotonic())
                self._bill(post_ids)
                self._look_behind(fields.mapping(message.get("data")))
            elif failure := of_message(message):
                return failure
        if self.spent:
            return Failure("spent", f"the day's cap of {self.meter.cap} posts is reached")
        if self.buffer.full:
            return Failure("full", "the log is slower than the stream: what is missed meanwhile is found by search")
        return None

    def page(self, answer: dict[str, Any], data: bytes, gap_start: int) -> int:
        """A page of a search; returns how many of its posts were new today."""
        self._number += 1
        self.watermark.recovered(self._number, gap_start)
        self.buffer.put(Line(self._number, data, recovered=True))
        return self._bill(_post_ids(fields.mappings(answer.get("data"))))

    def acknowledged(self, lines: Iterable[Line]) -> None:
        """The log has these."""
        self.watermark.acknowledged(line.number for line in lines)

    @property
    def spent(self) -> bool:
        """Whether the day's cap is reached."""
        return self.meter.left(self._clock.now()) == 0

    def _bill(self, post_ids: Iterable[str]) -> int:
        now = self._clock.now()
        new = self.meter.add(post_ids, now)
        metrics.X_POSTS_BILLED.inc(new)
        today, cap = self.meter.today(now), self.meter.cap
        if cap is not None and today >= cap * WARN_SHARE and self._warned_on != utc_day(now):
            self._warned_on = utc_day(now)
            _log.warning("x_budget_nearly_spent", posts_today=today, daily_posts=cap)
        return new

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
