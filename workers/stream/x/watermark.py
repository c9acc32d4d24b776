"""The watermark: the time before which everything read is acknowledged by the log. Pure; times in ms since 1970."""

from collections.abc import Iterable


class Watermark:
    """Follows the lines that are on their way to the log. Acknowledgements may come in any order."""

    def __init__(self, stored: int | None) -> None:
        self._heard = stored
        self._waiting: dict[int, int] = {}  # lines of the stream, which come in the order of time
        self._gap: int | None = None
        self._recovered: dict[int, int] = {}  # lines of a search, each held at the start of its gap

    @property
    def heard_until(self) -> int | None:
        """When the stream last gave us anything; None before it ever did."""
        return self._heard

    @property
    def value(self) -> int | None:
        """Everything before it is on the log, or was given up loudly."""
        if self._heard is None:
            return None
        oldest = next(iter(self._waiting.values()), self._heard)
        gap = self._heard if self._gap is None else self._gap
        return min(self._heard, oldest, gap, min(self._recovered.values(), default=gap))

    def heard(self, now: int) -> None:
        """A byte came, a heartbeat's too."""
        self._heard = now if self._heard is None else max(self._heard, now)

    def clock_reads(self, now: int) -> None:
        """It was put back, if it reads less than when something was heard: a gap must not begin in the future."""
        if self._heard is not None and now < self._heard:
            self._heard = now

    def took(self, line: int, now: int) -> None:
        """A line of the stream is on its way to the log."""
        self._waiting[line] = now

    def recovered(self, line: int, gap_start: int) -> None:
        """A page of a search is on its way; few are at a time."""
        self._recovered[line] = gap_start

    def acknowledged(self, lines: Iterable[int]) -> None:
        """The log has these."""
        for line in lines:
            self._waiting.pop(line, None)
            self._recovered.pop(line, None)

    def gap_opened(self, start: int) -> None:
        """From `start` on something may be missing: the watermark stays there until it is found or given up."""
        self._gap = start if self._gap is None else min(self._gap, start)

    def gap_closed(self, next_start: int | None = None) -> None:
        """All of the gap is on its way or was given up; `next_start`: of the one that is still to be searched."""
        self._gap = next_start
