"""What another reader than the stream may spend at X: the steward's look-ups are billed too, on one bill."""

from collections.abc import Iterable

from workers.runtime.clock import Clock
from workers.store.store import Store
from workers.x.budget import Budget, utc_day
from workers.x.keeper import whole
from workers.x.ledger import Ledger
from workers.x.meter import Meter


class Purse:
    """One reader's. Raises UnavailableError when the store is away: nothing is to be bought then."""

    def __init__(self, store: Store, credential: str, reader: str, budget: Budget, clock: Clock) -> None:
        self._store, self._clock, self._budget = store, clock, budget
        self._credential, self._reader = credential, reader
        self._ledger = Ledger(credential, reader)
        self._meter: Meter | None = None
        self._owed: tuple[list[str], list[str]] = ([], [])  # read, and not yet on the bill
        self._owed_requests = 0

    async def left(self) -> int | None:
        """Posts that the budget still allows to all readers together; None: there is no limit."""
        return await self.left_of(1.0)

    async def left_of(self, share: float) -> int | None:
        """Posts that may be read before so much of each limit is used, for who should leave the rest to the stream."""
        meter = await self.bill((), ())
        now = self._clock.now()
        limits = meter.limits(now)
        if any(limit.share >= share for limit in limits):
            return 0
        return meter.left(now)

    async def bill(self, posts: Iterable[str], authors: Iterable[str], *, requests: int = 0) -> Meter:
        """Count what was read; where it raises, with the next call. What the stream read today is free.

        `requests`: those that X bills as a post each.
        """
        self._owed_requests += requests
        self._owed[0].extend(posts)
        self._owed[1].extend(authors)
        return await whole(self._bill())

    async def _bill(self) -> Meter:
        now = self._clock.now()
        today = utc_day(now)
        posts, authors = (list(ids) for ids in self._owed)
        requests = self._owed_requests
        meter, self._meter = self._meter, None  # until it is committed: what a failure leaves is read anew
        async with self._store.write() as connection:
            if meter is None:
                self._ledger = Ledger(self._credential, self._reader)
                loaded = await self._ledger.load(connection, today)
                meter = Meter(self._budget, today, loaded.days, loaded.others, loaded.ids)
            else:
                news = await self._ledger.elsewhere(connection, today)
                meter.elsewhere(news.ids, news.others, today)
            meter.add(posts, authors, now)
            meter.add_requests(requests, now)
            ends = await self._ledger.write(connection, meter.take_unsaved())
        self._ledger.written(ends)
        self._meter = meter
        for owed, counted in zip(self._owed, (posts, authors), strict=True):
            del owed[: len(counted)]
        self._owed_requests -= requests
        return meter
