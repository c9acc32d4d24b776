"""Looks by search whether the stream gives all that it owes: X loses a part of the posts while heartbeats flow.

It costs nothing: X bills a post once a day, and what the stream left out we want anyway.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.stream.x.concerns import Concerns
from workers.stream.x.pace import Pace
from workers.stream.x.reception import Reception
from workers.stream.x.search import Allowance, Gap, Searcher
from workers.x.budget import utc_day

_log = get_logger(__name__)

# All ours.
_LOOK_SECONDS: Final = 1.0
_POSTS: Final = 300  # of a look: three pages of a search tell enough
_LEAST_SECONDS: Final = 10.0  # of the span that is looked at
_LOST_SHARE: Final = 0.2  # search and stream don't match alike to the last post
_LOST_POSTS: Final = 5
_LOOK_POSTS: Final = 1_000  # at most, should the rate have been judged wrongly


class Loss(NamedTuple):
    """What a look found missing."""

    missing: int
    found: int
    since: int
    """From when on the stream may have left posts out, in milliseconds since 1970."""

    def __str__(self) -> str:
        return f"the stream left out {self.missing} of {self.found} posts while heartbeats came"


def is_loss(missing: int, found: int) -> bool:
    """Whether so many missing posts are more than a difference of taste."""
    return missing >= _LOST_POSTS and missing >= _LOST_SHARE * found


class Audit:
    """`connected_since`: in milliseconds since 1970, None while there is no stream. `on_loss`: what to do about it."""

    def __init__(
        self,
        searcher: Searcher,
        reception: Reception,
        connected_since: Callable[[], int | None],
        on_loss: Callable[[Loss], None],
        clock: Clock,
        pace: Pace,
        concerns: Concerns,
    ) -> None:
        self._searcher, self._reception, self._connected_since = searcher, reception, connected_since
        self._on_loss, self._clock, self._pace, self._concerns = on_loss, clock, pace, concerns
        self._good_until: int | None = None
        self._looked_until = 0

    async def run(self) -> None:
        """Look from time to time, and soon when the volume falls; for ever."""
        waited = 0.0
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            waited += _LOOK_SECONDS
            # Two looks in a row see nearly the same posts: a volume that stays low is looked at once a minute or so.
            fell = waited >= self._pace.settle and self._reception.volume.fell(self._clock.monotonic())
            if waited >= self._pace.audit or fell:
                if fell:
                    _log.info("stream_volume_fell", posts_a_second=round(self._rate(), 3))
                await self._look()
                waited = 0.0

    async def _look(self) -> None:
        span = self._span()
        if span is None:
            return
        self._looked_until = span.end
        search = self._searcher.begin(span, Allowance(_LOOK_POSTS, self._pace.audit), late=False, patient=False)
        await self._searcher.look(search, span.start, span.end / 1000)
        connected = self._connected_since()
        if search.faults or connected is None or connected > span.start:
            return
        metrics.X_POSTS_MISSING.inc(search.recovered)
        if is_loss(search.recovered, search.found):
            since = max(connected, self._good_until or connected)
            loss = Loss(search.recovered, search.found, since)
            _log.error("stream_lost_posts", missing=loss.missing, found=loss.found)
            self._concerns.worry(
                "x_posts_missing", f"X: {loss}; it was connected anew and the rest is looked for by search",
                f"X のストリームで投稿 {loss.found} 件中 {loss.missing} 件が届かず、つなぎ直して検索で補います",
            )  # fmt: skip
            self._on_loss(loss)
        elif search.found:
            self._good_until = span.start
            self._concerns.over("x_posts_missing")

    def _span(self) -> Gap | None:
        """What to look at: as long as some hundred posts take, all of it while connected, and within one day's bill."""
        connected = self._connected_since()
        if connected is None:
            return None
        now = self._clock.now()
        end = round((now.timestamp() - self._pace.settle) * 1000)
        seconds = _POSTS / max(self._rate(), 1e-9)
        least = _LEAST_SECONDS * self._pace.settle / Pace.settle
        start = end - round(1000 * min(self._pace.audit, max(seconds, least)))
        # A connection's first seconds belong to the gap before it, and the search looks a little further back.
        start = max(start, connected + round(2000 * self._pace.overlap))
        midnight = end // 86_400_000 * 86_400_000
        start = max(start, midnight + round(1000 * self._pace.overlap))
        # What a look has found is no longer missing: the next one must not take it for delivered.
        start = max(start, self._looked_until + round(1000 * self._pace.overlap))
        if start >= end or utc_day(now) != utc_day(datetime.fromtimestamp(end / 1000, UTC)):
            return None
        return Gap(start, end)

    def _rate(self) -> float:
        return self._reception.volume.rate(self._clock.monotonic())
