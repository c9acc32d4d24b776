"""Whether so many removals can be true: a fault at X must not empty the store. Pure."""

from collections import deque
from typing import Final

from workers.incidents.model import Millis

# Ours. Below so many a day, no share says anything: a small store may well lose a third of its posts.
FEW: Final = 10
_WINDOW_MS: Final = 24 * 3_600_000


class Tally:
    """Posts looked at and removed in the last 24 hours."""

    def __init__(self) -> None:
        self._looks: deque[tuple[Millis, int, int]] = deque()

    def add(self, now: Millis, looked: int, removed: int) -> None:
        """So many were looked at, and so many removed."""
        if looked or removed:
            self._looks.append((now, looked, removed))
        while self._looks and self._looks[0][0] <= now - _WINDOW_MS:
            self._looks.popleft()

    def totals(self, now: Millis) -> tuple[int, int]:
        """Looked at and removed."""
        self.add(now, 0, 0)
        return sum(looked for _, looked, _ in self._looks), sum(removed for _, _, removed in self._looks)


def why_implausible(proposed: int, looked: int, removed: int, share: float) -> str | None:
    """Why these must wait for a person; None where they may go. `looked`, `removed`: of the last day."""
    total = removed + proposed
    if total <= FEW or total <= share * looked:
        return None
    return (
        f"{total} of {looked} posts looked at within a day would be removed, more than {share:.0%} "
        "(steward.removal_share)"
    )
