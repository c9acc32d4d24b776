"""When a line of a paced replay is due: as long after the first as its post was written after the first post."""

from datetime import datetime

from workers.runtime.clock import Clock
from workers.stream.mention import created_at
from workers.stream.parse import parse_line


class Pace:
    """The recorded pace times `speed`, by `created_at`. What is older than the line before it is due at once."""

    def __init__(self, speed: float, clock: Clock) -> None:
        self._speed, self._clock = speed, clock
        self._first: datetime | None = None
        self._began = 0.0

    def wait_seconds(self, line: bytes) -> float:
        """How long to wait from now before this line goes on."""
        written = _written(line)
        if written is None:
            return 0.0
        if self._first is None:
            self._first, self._began = written, self._clock.monotonic()
        due = self._began + (written - self._first).total_seconds() / self._speed
        return due - self._clock.monotonic()


def _written(line: bytes) -> datetime | None:
    times = [time for post in parse_line(line).posts if (time := created_at(post))]
    return datetime.fromisoformat(max(times)) if times else None
