"""When a stage must stop loudly instead of putting ever more aside: a pure rule over counts."""

from collections import deque
from typing import Final, NamedTuple

# The design's numbers: a fault of one record is bad luck, so many are a fault of ours or of the source.
IN_A_ROW: Final = 50
SHARE: Final = 0.05
WINDOW_SECONDS: Final = 300.0
WINDOW_AT_LEAST: Final = 50
_BUCKET_SECONDS: Final = 10.0  # ours: the window is counted in steps of this, so that its memory is bounded


class Standing(NamedTuple):
    """How things stand after a dead letter; written into the letter, so that a restart goes on from it."""

    in_a_row: int
    failed: int
    handled: int


class _Bucket:
    __slots__ = ("failed", "handled", "start")

    def __init__(self, start: float) -> None:
        self.start, self.failed, self.handled = start, 0, 0


class StopRule:
    """Counts what was handled and what was put aside; time comes in as seconds on one scale (wall or monotonic)."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._buckets: deque[_Bucket] = deque()

    def succeeded(self, count: int, now: float) -> None:
        """So many records were handled well."""
        if count > 0:
            self._in_a_row = 0
            self._bucket(now).handled += count

    def failed(self, now: float) -> None:
        """One record was put aside."""
        self._in_a_row += 1
        bucket = self._bucket(now)
        bucket.failed += 1
        bucket.handled += 1

    def restore(self, standing: Standing, at: float) -> None:
        """Go on from what the last letter before a restart said."""
        self._in_a_row = standing.in_a_row
        bucket = self._bucket(at)
        bucket.failed, bucket.handled = standing.failed, standing.handled

    def reset(self) -> None:
        """Begin anew: the letters were retried or dropped."""
        self._in_a_row = 0
        self._buckets.clear()

    def standing(self, now: float) -> Standing:
        """The counts as they are at this moment."""
        self._forget(now)
        return Standing(self._in_a_row, sum(b.failed for b in self._buckets), sum(b.handled for b in self._buckets))

    def verdict(self, now: float) -> str | None:
        """Why the stage must stop, or None."""
        return judge(self.standing(now))

    def _bucket(self, now: float) -> _Bucket:
        self._forget(now)
        if not self._buckets or now - self._buckets[-1].start >= _BUCKET_SECONDS:
            self._buckets.append(_Bucket(now))
        return self._buckets[-1]

    def _forget(self, now: float) -> None:
        while self._buckets and now - self._buckets[0].start > WINDOW_SECONDS:
            self._buckets.popleft()


def judge(standing: Standing) -> str | None:
    """The rule itself: why to stop, or None."""
    if standing.in_a_row >= IN_A_ROW:
        return f"{standing.in_a_row} records in a row could not be processed"
    if standing.failed >= WINDOW_AT_LEAST and standing.failed >= SHARE * standing.handled:
        minutes = WINDOW_SECONDS / 60
        return f"{standing.failed} of {standing.handled} records in {minutes:.0f} minutes could not be processed"
    return None
