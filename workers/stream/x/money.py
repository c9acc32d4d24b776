"""Watches the budget while we read: warns, pauses brands by their priority, stops before too much is read."""

from collections.abc import Callable, Sequence

from config.brands import Brand
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.stream.x.concerns import Concerns
from workers.stream.x.priority import paused
from workers.stream.x.reception import Reception
from workers.x.budget import WARN_SHARE, Limit, seconds_until_next, utc_day

_log = get_logger(__name__)

_LOOK_SECONDS = 1.0


class Money:
    """`brands`: those of the file, in force."""

    def __init__(
        self,
        reception: Reception,
        brands: Callable[[], Sequence[Brand]],
        health: StageHealth,
        clock: Clock,
        concerns: Concerns,
    ) -> None:
        self._reception, self._brands, self._health, self._clock = reception, brands, health, clock
        self._concerns = concerns
        self._paused: dict[str, str] = {}
        self._from: tuple[Sequence[Brand], dict[str, str]] | None = None
        self._listening: Sequence[Brand] = ()
        self._warned: set[tuple[str, str]] = set()

    def listening(self) -> Sequence[Brand]:
        """The brands that are listened for: the same object until they change."""
        brands = self._brands()
        if self._from is None or self._from[0] is not brands or self._from[1] is not self._paused:
            self._from = (brands, self._paused)
            self._listening = tuple(brand for brand in brands if brand.id not in self._paused)
        return self._listening

    def look(self) -> None:
        """Judge the budget as it stands; called each second."""
        now = self._clock.now()
        meter = self._reception.meter
        limits = meter.limits(now)
        self._show(limits)
        self._warn(limits)
        found = dict(paused(self._brands(), limits))
        for brand in found.keys() - self._paused.keys():
            _log.error("brand_paused", brand=brand, reason=found[brand])
        for brand in self._paused.keys() - found.keys():
            _log.warning("brand_resumed", brand=brand, reason="the budget allows it; what came meanwhile is given up")
        if found.keys() != self._paused.keys():
            self._paused = found
        metrics.X_BRANDS_PAUSED.set(len(found))
        self._health.facts["paused_brands"] = found
        if found:
            first = next(iter(found.values()))
            self._concerns.worry(
                "x_brands_paused",
                f"the money for X runs out: {', '.join(sorted(found))} paused ({first}); raise the limit, or wait",
                f"X の予算が残り少ないため {', '.join(sorted(found))} を止めました。上限を上げるか次の期間を待ちます",
            )
        else:
            self._concerns.over("x_brands_paused")

    def spent(self, least: int = 1) -> Limit | None:
        """The limit that allows less than so many posts more; None while all allow them."""
        left = self._reception.meter.left(self._clock.now())
        return None if left is None or left >= least else self._reception.meter.limits(self._clock.now())[0]

    async def affordable(self, least: int = 1) -> None:
        """Wait until the budget allows to read. What the wait has cost is given up, loudly.

        Looking for it would spend the new day's money on yesterday, day after day.
        """
        limit = self.spent(least)
        if limit is None:
            return
        before = self._reception.watermark.heard_until
        reset = seconds_until_next(limit.period, self._clock.now())
        when = "00:00 UTC" if limit.period == "day" else "the first of the month, 00:00 UTC"
        reason = f"{limit} are used: nothing is read before {when}"
        today = self._reception.meter.today(self._clock.now())
        _log.error("x_budget_spent", reason=reason, seconds=round(reset), posts_today=today.posts)
        self._concerns.worry("x_budget_spent", f"nothing is read from X: {reason}", f"X を読むのを止めました：{reason}")
        while self.spent(least) is not None:
            self.look()
            self._health.stopped(reason)
            await self._clock.sleep(_LOOK_SECONDS)
        self._health.cleared()
        self._concerns.over("x_budget_spent")
        now = round(self._clock.now().timestamp() * 1000)
        if before is not None:
            _log.error("gap_given_up", seconds=round((now - before) / 1000), reason=f"the limit was reached: {reason}")
        self._reception.watermark.heard(now)

    def _warn(self, limits: Sequence[Limit]) -> None:
        near = [limit for limit in limits if limit.share >= WARN_SHARE]
        day = utc_day(self._clock.now())
        for limit in near:
            key = (limit.name, day if limit.period == "day" else day[:7])
            if key not in self._warned:
                self._warned.add(key)
                _log.warning("x_budget_nearly_spent", limit=limit.name, used=str(limit), share=round(limit.share, 3))
        if near:
            self._concerns.worry(
                "x_budget_nearly_spent",
                f"{near[0]} are used: {near[0].share:.0%}; at the limit, brands are paused by their priority",
                f"X の予算を {near[0].share:.0%} 使いました（x.{near[0].name}）。次は priority の低い順に止めます",
            )
        else:
            self._warned.clear()
            self._concerns.over("x_budget_nearly_spent")

    def _show(self, limits: Sequence[Limit]) -> None:
        now = self._clock.now()
        meter = self._reception.meter
        today, month = meter.today(now), meter.month(now)
        metrics.X_SPENT_TODAY.set(meter.budget.usd(today))
        metrics.X_SPENT_MONTH.set(meter.budget.usd(month))
        for limit in limits:
            metrics.X_BUDGET_USED.labels(limit.name).set(round(limit.share, 4))
        self._health.facts |= {
            "posts_today": today.posts,
            "usd_today": round(meter.budget.usd(today), 4),
            "usd_month": round(meter.budget.usd(month), 4),
        }
