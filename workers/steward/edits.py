"""Edits that a look-up shows and the stream did not bring: fetched, and put on the topic as newer revisions."""

from collections.abc import Mapping
from typing import Final

from schemas.mention import record_key, rfc3339
from schemas.topics import MENTIONS, mention_partition
from workers.log.contract import Log, Outgoing
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.steward.answer import Answer, edit_history
from workers.steward.held import mentions_of
from workers.steward.lookups import PAGE, Lookups
from workers.steward.revision import revised, revision_of
from workers.store.store import Store

_log = get_logger(__name__)

_MOST: Final = 10_000  # ours: edits that wait for money; what is beyond is found again by the next sweep


class Edits:
    """Posts whose latest text is not held: by the id of that text, the first id of the post."""

    def __init__(self, log: Log, store: Store, clock: Clock, lookups: Lookups) -> None:
        self._log, self._store, self._clock, self._lookups = log, store, clock, lookups
        self.wanted: dict[str, str] = {}
        self.found = 0
        """Edits put on the topic since the start."""

    def note(self, answer: Answer, revisions: Mapping[str, int]) -> None:
        """Which of these posts were edited since. `revisions`: by id, which text is held."""
        for post_id, post in answer.there.items():
            history = edit_history(post)
            if post_id in revisions and len(history) - 1 > revisions[post_id] and len(self.wanted) < _MOST:
                self.wanted[history[-1]] = post_id

    async def fetch(self) -> float:
        """Ask for the latest texts. Returns the seconds until there may be something to do again."""
        ids = list(self.wanted)[:PAGE]
        looked = await self._lookups.ask(ids)
        if looked.wait_seconds > 0:
            return looked.wait_seconds
        if looked.broke:  # no money today: a later sweep finds them again
            for post_id in ids[looked.covered :]:
                del self.wanted[post_id]
        if looked.answer is None:
            return 0.0
        for latest, post in looked.answer.there.items():
            await self._publish(self.wanted[latest], post)
        for post_id in ids[: looked.covered]:
            self.wanted.pop(post_id, None)
        return 0.0

    async def _publish(self, post_id: str, post: Mapping[str, object]) -> None:
        now = rfc3339(self._clock.now())
        async with self._store.read() as connection:
            held = await mentions_of(connection, self._store.dialect, post_id, revision_of(post))
        newer = [(brand, value) for brand, mention in held if (value := revised(mention, post, now)) is not None]
        if not newer:
            return
        partition = mention_partition(post_id, await self._log.partitions(MENTIONS))
        await self._log.produce(
            MENTIONS, [Outgoing(partition, record_key(brand, post_id), value) for brand, value in newer]
        )
        self.found += 1
        metrics.EDITS_FOUND.inc()
        _log.info("edit_found", id=post_id, revision=revision_of(post), brands=[brand for brand, _ in newer])
