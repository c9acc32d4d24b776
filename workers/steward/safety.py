"""Whether so many removals can be true: a fault at X must not empty the store. Pure."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from workers.incidents.model import Millis
from workers.x.ids import Ids, number_of

# Ours. Below so many a day, no share says anything: a small store may well lose a third of its posts.
FEW: Final = 10
_WINDOW_MS: Final = 24 * 3_600_000


class Tally:
    """Different posts looked at, and posts removed, within about a day."""

    def __init__(self) -> None:
        self._looked, self._before = Ids(), Ids()
        self._since: Millis | None = None
        self._removed: deque[tuple[Millis, int]] = deque()

    def looked(self, now: Millis, ids: Iterable[str]) -> None:
        """These were looked at: each counts once, however often it is."""
        self._turn(now)
        for post_id in ids:
            self._looked.add(number_of(post_id))

    def removed(self, now: Millis, count: int) -> None:
        """So many were removed."""
        self._removed.append((now, count))

    def totals(self, now: Millis) -> tuple[int, int]:
        """Looked at and removed."""
        self._turn(now)
        return max(len(self._looked), len(self._before)), sum(count for _, count in self._removed)

    def _turn(self, now: Millis) -> None:
        while self._removed and self._removed[0][0] <= now - _WINDOW_MS:
            self._removed.popleft()
        if self._since is None:
            self._since = now
        elif now - self._since >= _WINDOW_MS:
            long_ago = now - self._since >= 2 * _WINDOW_MS
            self._before, self._looked = Ids() if long_ago else self._looked, Ids()
            self._since = now


def why_implausible(proposed: int, looked: int, removed: int, share: float) -> str | None:
    """Why these must wait for a person; None where they may go. `looked`, `removed`: of the last day."""
    total = removed + proposed
    if total <= FEW or total <= share * looked:
        return None
    return (
        f"{total} of {looked} posts looked at within a day would be removed, more than {share:.0%} "
        "(steward.removal_share)"
    )
