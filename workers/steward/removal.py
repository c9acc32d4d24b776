"""Removing what X no longer shows: each post at the second asking, and none where too many would go at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from config.files import Files
from workers.incidents.change import to_millis
from workers.incidents.model import Millis
from workers.incidents.ops import clear_ops, raise_ops
from workers.incidents.purge import purge
from workers.log.contract import Log
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.steward.safety import Tally, why_implausible
from workers.store.store import Store

_log = get_logger(__name__)

# Ours: a fault at X that makes posts look as if they were gone is mostly over by then.
ASK_AGAIN_MS: Final = 60_000
# Ours: what was held back is asked for again so often; it may have been a fault at X after all.
HELD_AGAIN_MS: Final = 3_600_000
_OPS_KIND: Final = "removals_held"


class Removals:
    """Decides and carries out removals; what was said to be gone once waits here for the second asking."""

    def __init__(self, log: Log, store: Store, files: Files, clock: Clock, share: float) -> None:
        self._log, self._store, self._files, self._clock, self._share = log, store, files, clock, share
        self._tally = Tally()
        self._suspects: dict[str, Millis] = {}  # when each is asked for again
        self._said: str | None = None
        self._ops_told = True  # by a process before this one, for all that is known
        self.removed = 0
        """Posts removed since the start."""
        self.traces_left = False
        """Whether SQLite's write-ahead log may still hold what was removed: a reader was in the way."""

    @property
    def held_back(self) -> str | None:
        """Why removals wait for a person, if they do: no look is worth its price until then."""
        if not self._suspects:
            return None
        return self._said or why_implausible(len(self._suspects), *self._tally.totals(self._now()), self._share)

    def looked(self, ids: Iterable[str]) -> None:
        """These posts were looked at."""
        self._tally.looked(self._now(), ids)

    def suspect(self, gone: Mapping[str, str]) -> None:
        """X says for the first time that these are gone."""
        for post_id, reason in gone.items():
            if post_id not in self._suspects:
                _log.info("post_missed", id=post_id, reason=reason)
                self._suspects[post_id] = self._now() + ASK_AGAIN_MS

    def forget(self, ids: Sequence[str]) -> None:
        """These are there after all."""
        for post_id in ids:
            self._suspects.pop(post_id, None)

    def put_off(self, ids: Sequence[str]) -> None:
        """X said nothing of these, or could not be asked: they are asked for again, as if for the first time."""
        for post_id in ids:
            self._suspects[post_id] = self._now() + ASK_AGAIN_MS

    def to_ask_again(self, most: int) -> list[str]:
        """Suspects whose time has come."""
        now = self._now()
        return [post_id for post_id, at in self._suspects.items() if at <= now][:most]

    @property
    def next_at(self) -> Millis | None:
        """When the next suspect is due."""
        return min(self._suspects.values(), default=None)

    async def confirmed(self, gone: Mapping[str, str], *, among: int = 0) -> bool:
        """X has said it twice, or in a compliance job about so many: remove them, unless that can't be true. Returns
        whether they were removed."""
        if not gone:
            return True
        now = self._now()
        seen, removed = self._tally.totals(now)
        # Suspects count too: a page of a hundred at a time must not slip through below the share.
        proposed = len({*gone, *self._suspects})
        if (why := why_implausible(proposed, max(seen, among), removed, self._share)) is not None:
            await self._hold(gone, why, proposed)
            return False
        by_reason: dict[str, int] = {}
        for reason in gone.values():
            by_reason[reason] = by_reason.get(reason, 0) + 1
        brands = [brand.id for brand in self._files.brands]
        done = await purge(self._log, self._store, brands, list(gone), now)
        self.forget(list(gone))
        self._tally.removed(now, len(gone))
        self.removed += len(gone)
        self.traces_left = not await self._store.erase_traces()
        for reason, count in sorted(by_reason.items()):
            metrics.POSTS_REMOVED.labels(reason.split(" at X")[0]).inc(count)
            _log.info("posts_removed", count=count, reason=reason, rows=len(done.posts), dead_letters=done.letters)
        return True

    async def erase_traces(self) -> None:
        """Try again what a reader was in the way of."""
        if self.traces_left:
            self.traces_left = not await self._store.erase_traces()

    async def _hold(self, gone: Mapping[str, str], why: str, proposed: int) -> None:
        now = self._now()
        for post_id in gone:
            self._suspects[post_id] = now + HELD_AGAIN_MS
        metrics.REMOVALS_HELD.set(proposed)
        if self._said is None:
            _log.error("removals_held", count=proposed, reason=why)
        self._said, self._ops_told = why, True
        english = (
            f"{why}. None was removed: it may be a fault at X. If they are gone indeed, set steward.removal_share to 1 "
            "for a while, or run `hikeshi purge` with their ids"
        )
        japanese = (
            f"X で消えたことになっている投稿が一日で {proposed} 件あり、多すぎるため何も消していません。X の不具合かも"
            "しれません。本当に消えているなら steward.removal_share をしばらく 1 にするか、id を `hikeshi purge` に"
        )
        async with self._store.write() as connection:
            texts = {"en": english, "ja": japanese}
            await raise_ops(connection, self._store.dialect, self._files.policy, _OPS_KIND, texts, now)

    async def settle(self) -> None:
        """Nothing is suspected any more: what was held back has been removed, or is there after all."""
        if not self._ops_told or self._suspects:
            return
        async with self._store.write() as connection:
            await clear_ops(connection, self._store.dialect, _OPS_KIND, self._now())
        self._said, self._ops_told = None, False
        metrics.REMOVALS_HELD.set(0)

    def _now(self) -> Millis:
        return to_millis(self._clock.now())
