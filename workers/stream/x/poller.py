"""Reads X by recent search, again and again: for a plan without a stream. Each post is paid for once."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from typing import Final

from config.x_settings import XSettings
from schemas.errors import RefusedError
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.stream.x.concerns import Concerns
from workers.stream.x.money import Money
from workers.stream.x.pace import Pace
from workers.stream.x.reception import Reception
from workers.stream.x.refusal import refusal_of, tell_refusal
from workers.stream.x.ruleset import Ruleset
from workers.stream.x.search import LEAST_POSTS, Allowance, Gap, Search, Searcher, first_start
from workers.x.api import SEARCHES

_log = get_logger(__name__)

_WAITS_FOR: Final = "X's search"
_QUOTA_SHARE: Final = 0.8  # ours: the rest is for second pages


def poll_seconds(rules: int, pace: Pace) -> float:
    """Between two polls: as often as X's quota of searches lets us ask for each rule."""
    return max(pace.poll, rules * pace.connect_window / (SEARCHES * _QUOTA_SHARE))


class Poller:
    """`fail_first`: raise RefusedError when X refuses us before a first search went well."""

    def __init__(
        self,
        searcher: Searcher,
        ruleset: Ruleset,
        reception: Reception,
        money: Money,
        concerns: Concerns,
        permitted: asyncio.Event,
        health: StageHealth,
        clock: Clock,
        pace: Pace,
        *,
        fail_first: bool,
        settings: XSettings,
        allowance: Allowance,
    ) -> None:
        self._searcher, self._ruleset, self._reception, self._money = searcher, ruleset, reception, money
        self._concerns, self._permitted = concerns, permitted
        self._health, self._clock, self._pace = health, clock, pace
        self.fail_first, self._settings, self._allowance = fail_first, settings, allowance
        self._words_alone = False
        self._told_deaf = False
        self._began = clock.now().timestamp()

    async def run(self, seconds: float | None) -> None:
        """Poll for so long, or for ever; raises RefusedError."""
        ends = None if seconds is None else self._clock.monotonic() + seconds
        with ExitStack() as waits:
            waits.enter_context(self._health.waiting(_WAITS_FOR))
            self._health.facts["reading"] = "search"
            while ends is None or self._clock.monotonic() < ends:
                await self._permitted.wait()
                self._money.look()
                await self._money.affordable(LEAST_POSTS)
                rules = self._ruleset.for_search(words_alone=self._words_alone)
                search = await self._poll()
                if search.refused is not None:
                    await self._refused(search)
                    continue
                # What a late look gave up stays so: else each poll would search it, and each day pay for it, again.
                if not search.faults or (search.late and not search.unfinished):
                    waits.close()
                    self._well(search)
                wait = poll_seconds(len(rules), self._pace)
                self._watch_deafness(wait)
                await self._clock.sleep(wait)

    async def _poll(self) -> Search:
        """One look at the time since the last: as far as search shows it, and its end once more."""
        pace, watermark = self._pace, self._reception.watermark
        now = self._clock.now().timestamp()
        end = round((now - pace.soon) * 1000)
        start = first_start(watermark.heard_until, self._settings.look_back, end)
        start = end - round(pace.settle * 1000) if start is None else min(start, end) - round(pace.settle * 1000)
        late = end - start > (pace.late + pace.settle) * 1000
        # Ours: a poll that finds X away gives up soon, so that we notice; the next one looks at the same time again.
        allowance = self._allowance if late else replace(self._allowance, seconds=pace.deaf)
        search = self._searcher.begin(Gap(start, end), allowance, late=late, patient=False)
        watermark.gap_opened(start)
        await self._searcher.look(search, start, end / 1000)
        metrics.X_POLLS.inc()
        if late and not search.unfinished:
            search.tell_ops(self._concerns)
        elif search.faults:
            search.tell()
        return search

    def _well(self, search: Search) -> None:
        """All of it is on its way: the next poll goes on from here."""
        self._reception.watermark.heard(search.gap.end)
        self._reception.watermark.gap_closed()
        if self.fail_first or self._told_deaf or self._health.is_stopped:
            _log.info("search_polled", posts=search.found)
        self.fail_first, self._told_deaf = False, False
        self._health.cleared()
        self._concerns.over("x_refused")
        self._concerns.over("x_deaf")

    async def _refused(self, search: Search) -> None:
        failure = search.refused
        assert failure is not None  # noqa: S101 - by who calls
        if failure.status == 400 and not self._words_alone:
            _log.error("rules_refused", reason=failure.detail, remedy="tried again without `to:` and `url:`")
            self._words_alone = True
            return
        if self.fail_first:
            raise RefusedError(refusal_of(failure))
        tell_refusal(failure, self._health, self._concerns, self._pace.refused)
        await self._clock.sleep(self._pace.refused)

    def _watch_deafness(self, wait: float) -> None:
        heard = self._reception.watermark.heard_until
        since = self._began if heard is None else heard / 1000 + self._pace.soon
        deaf = max(0.0, self._clock.now().timestamp() - since - wait)
        metrics.X_DEAF_SECONDS.set(deaf)
        self._health.facts["deaf_seconds"] = round(deaf, 1)
        if deaf >= self._pace.deaf and not self._told_deaf:
            self._told_deaf = True
            _log.error("stream_deaf", seconds=round(deaf))
            self._concerns.worry(
                "x_deaf", f"X's search was not to be had for {deaf:.0f} s; it is tried again and again",
                f"X の検索が {deaf:.0f} 秒間使えません。続けて試しています",
            )  # fmt: skip
