"""Asks recent search for what our rules met within a span of time, within a budget of dollars and time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from schemas.mention import rfc3339, snowflake_time
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.deadline import Deadline
from workers.runtime.logging import get_logger
from workers.stream.x.concerns import Concerns
from workers.stream.x.pace import Pace
from workers.stream.x.reception import Reception
from workers.x import fields
from workers.x.api import Rule, XApi
from workers.x.backoff import Failures
from workers.x.failure import CallFailed, Failure

_log = get_logger(__name__)

PAGE_POSTS: Final = 100  # X's: a page of recent search has 10 to 100 posts
LEAST_POSTS: Final = 10
# X's: search reaches back 7 days. A minute less, for the time that the request takes.
_REACH: Final = timedelta(days=7) - timedelta(minutes=1)
_LOOK_SECONDS: Final = 1.0


class Gap(NamedTuple):
    """From the last byte heard until X took the next connection, in milliseconds since 1970."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"deaf from {told_time(self.start)} to {told_time(self.end)}"


@dataclass(frozen=True)
class Allowance:
    """What one search may cost. `posts`: None where dollars don't limit it."""

    posts: int | None
    seconds: float


@dataclass
class Search:
    """How a search for one gap stands."""

    gap: Gap
    deadline: Deadline
    posts_left: int | None
    late: bool = True
    """Whether what it finds came after its time: such a post opens no burst."""
    patient: bool = True
    """Whether it waits where the budget allows no page: for the next day, or the next month."""
    found: int = 0
    recovered: int = 0
    """Found, and new today."""
    given_up: int = 0
    faults: list[str] = field(default_factory=list)
    refused: Failure | None = None
    unfinished: bool = False
    """Whether the same look, later on, may find more: X was away, or the day's limit was reached."""
    told: tuple[int, int] | None = None

    def tell(self) -> None:
        """Say how it stands, if that is news."""
        stand = (self.recovered, self.given_up)
        if stand == self.told:
            return
        before, self.told = self.told or (0, 0), stand
        metrics.X_POSTS_RECOVERED.inc(stand[0] - before[0])
        metrics.X_POSTS_GIVEN_UP.inc(stand[1] - before[1])
        said = f"{self.gap}, {self.recovered} posts recovered, {self.given_up} given up"
        if self.faults:
            _log.error("gap_recovery_failed", gap=said, faults=self.faults)
        else:
            _log.info("gap_recovered", gap=said)

    def tell_ops(self, concerns: Concerns) -> None:
        """Say it, and let ops know of what is lost."""
        self.tell()
        if self.faults:
            what = f"{self.gap}, {self.recovered} posts recovered, not all: {self.faults[0]}"
            concerns.worry("x_gap_given_up", what, f"X が途切れた間の投稿をすべては取り戻せませんでした：{what}")
        else:
            concerns.over("x_gap_given_up")

    @property
    def over(self) -> bool:
        """Whether its budget is used up."""
        return self.deadline.expired or (self.posts_left is not None and self.posts_left <= 0)


class Searcher:
    """`rules`: ours, the queries of the search."""

    def __init__(
        self, api: XApi, reception: Reception, rules: Callable[[], list[Rule]], clock: Clock, pace: Pace
    ) -> None:
        self._api, self._reception, self._rules, self._clock, self._pace = api, reception, rules, clock, pace
        self._random = Random()  # noqa: S311 - spreads retries, guards nothing

    def begin(self, gap: Gap, allowance: Allowance, *, late: bool = True, patient: bool = True) -> Search:
        """A search that has found nothing yet."""
        return Search(gap, Deadline(allowance.seconds, self._clock), allowance.posts, late, patient)

    async def look(self, search: Search, gap_start: int, gap_end: float | None) -> None:
        """Search with each rule, up to `gap_end` (in seconds), or as far as X does by itself."""
        reach = (self._clock.now() - _REACH).timestamp()
        start = max(gap_start / 1000 - self._pace.overlap, reach)
        if gap_start / 1000 < reach:
            search.faults.append(f"search reaches back to {told_time(round(reach * 1000))} only")
        span = {"start_time": rfc3339(datetime.fromtimestamp(start, UTC))}
        if gap_end is not None:
            span["end_time"] = rfc3339(datetime.fromtimestamp(gap_end, UTC))
        for rule in self._rules():
            await self._search_rule(search, rule, span)

    async def _search_rule(self, search: Search, rule: Rule, span: Mapping[str, str]) -> None:
        parameters = {"query": rule.value, "sort_order": "recency", **span}
        oldest: datetime | None = None
        found, token = 0, None
        while True:
            await self._reception.buffer.half_empty()
            if not search.patient and not self._affords_page():
                search.faults.append("the budget allows no page more")
                search.unfinished = True
                return
            await self._affordable(search)
            if search.over:
                missed = _missed(found, oldest, search.gap)
                search.given_up += missed
                search.faults.append(f"the budget is spent: some {missed} posts of `{rule.tag}` were given up")
                return
            answer = await self._page(search, parameters | {"max_results": str(self._size(search))}, token)
            if answer is None:
                return
            page, data = answer
            posts = fields.mappings(page.get("data"))
            if posts:
                new = self._reception.page(page, data, search.gap.start, late=search.late)
                search.recovered += new
                search.found += len(posts)
                found += len(posts)
                if search.posts_left is not None:
                    search.posts_left -= new
                oldest = snowflake_time(str(posts[-1].get("id"))) or oldest
            token = fields.text(fields.mapping(page.get("meta")).get("next_token"))
            if not token:
                return

    async def _page(
        self, search: Search, parameters: dict[str, str], token: str | None
    ) -> tuple[dict[str, Any], bytes] | None:
        """A page, tried again as X asks until the time is over; None where it can't be had."""
        failures = Failures(self._pace)
        if token:
            parameters["next_token"] = token
        while True:
            try:
                return await self._api.search(parameters)
            except CallFailed as error:
                failure = error.failure
            wait = failures.wait(failure, self._clock.now().timestamp(), self._random.random())
            if failure.kind == "refused" and "end_time" in failure.detail and parameters.pop("end_time", ""):
                continue  # our clock goes before X's
            _log.warning("search_failed", reason=failure.detail, wait_seconds=round(wait, 1))
            if failure.kind in ("refused", "spelling") or wait > search.deadline.remaining():
                search.faults.append(failure.detail)
                search.refused = search.refused or failure
                search.unfinished = True
                return None
            await self._clock.sleep(wait)

    async def _affordable(self, search: Search) -> None:
        """Wait while the budget allows no page: the time that this takes is not the search's."""
        seconds, waited = search.deadline.remaining(), False
        while not self._affords_page():
            waited = True
            await self._clock.sleep(_LOOK_SECONDS)
        if waited:
            search.deadline = Deadline(seconds, self._clock)

    def _affords_page(self) -> bool:
        left = self._reception.meter.left(self._clock.now())
        return left is None or left >= LEAST_POSTS

    def _size(self, search: Search) -> int:
        """Posts of the next page: no more than are allowed, as far as X's smallest page lets us."""
        allowed = [PAGE_POSTS, self._reception.meter.left(self._clock.now()), search.posts_left]
        return max(LEAST_POSTS, min(most for most in allowed if most is not None))


def _missed(found: int, oldest: datetime | None, gap: Gap) -> int:
    """How many posts lie between the oldest that was found and the gap's start, at the rate of those found."""
    if oldest is None:
        return 0
    covered = max(gap.end / 1000 - oldest.timestamp(), 1.0)
    return max(0, round(found / covered * (oldest.timestamp() - gap.start / 1000)))


def told_time(milliseconds: int) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def first_start(heard_until: int | None, look_back: timedelta, now: int) -> int | None:
    """From when on posts are wanted: where we were, or as far back as the very first start looks. None: from now on."""
    if heard_until is None and look_back:
        return now - round(look_back.total_seconds() * 1000)
    return heard_until
