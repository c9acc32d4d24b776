"""Posts asked for at X by their ids: 100 a request, within our requests and our money, failures waited out."""

import random
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from config.steward import StewardSettings
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.steward.answer import Answer, read_answer
from workers.steward.means import affordable, posts_for
from workers.x import fields
from workers.x.api import LOOKUP_IDS, XApi
from workers.x.backoff import WINDOW_SECONDS, Failures, Waits
from workers.x.budget import WARN_SHARE
from workers.x.failure import CallFailed
from workers.x.purse import Purse

_log = get_logger(__name__)

PAGE: Final = LOOKUP_IDS


class Looked(NamedTuple):
    """What came of asking. `answer`: None where nothing was asked or X gave none; `covered`: so many ids from the
    first on are taken care of; `wait_seconds`: nothing can be asked before; `broke`: there is no money for the rest."""

    answer: Answer | None
    covered: int
    wait_seconds: float = 0.0
    broke: bool = False


class Lookups:
    """One credential's look-ups. `refused`: what X says, while only a person can mend it."""

    def __init__(
        self, api: XApi, purse: Purse, settings: StewardSettings, post_usd: float, clock: Clock, waits: Waits
    ) -> None:
        self._api, self._purse, self._settings, self._clock = api, purse, settings, clock
        self._post_usd = post_usd
        self._failures = Failures(waits)
        self._not_before = 0.0
        self._requests: deque[float] = deque()
        self.refused: str | None = None

    async def ask(self, wanted: Sequence[str], *, only_free: bool = False, suspected: bool = False) -> Looked:
        """Ask for the first 100 of these, as far as the money goes. `only_free`: those alone that X has billed today.

        `suspected`: these are thought to be gone, and X bills no post that is: not our own money, but the account's
        limits hold, for they may be there after all. Raises UnavailableError when the store, which keeps the bill, is
        away.
        """
        if (wait := self._wait_seconds()) > 0:
            return Looked(None, 0, wait)
        wanted = wanted[:PAGE]
        left = await self._purse.left_of(1.0 if suspected else WARN_SHARE)
        meter = await self._purse.bill((), ())
        now = self._clock.now()
        spent = meter.own_today(now).posts
        money = posts_for(self._settings.usd_a_day, self._post_usd, spent, left)
        if suspected:
            money = len(wanted) if left is None else left
        means = affordable(wanted, lambda post_id: meter.is_billed(post_id, now), money, only_free=only_free)
        broke = means.covered < len(wanted)
        if not means.ids:
            return Looked(None, means.covered, broke=broke)
        answer = await self._request(means.ids)
        if answer is None:
            return Looked(None, 0, max(1.0, self._wait_seconds()))
        return Looked(answer, means.covered, broke=broke)

    async def _request(self, ids: Sequence[str]) -> Answer | None:
        self._requests.append(self._clock.monotonic())
        try:
            found, _ = await self._api.posts(ids)
        except CallFailed as error:
            failure = error.failure
            wait = self._failures.wait(failure, self._clock.now().timestamp(), random.random())  # noqa: S311
            self._not_before = self._clock.monotonic() + wait
            self.refused = failure.detail if failure.kind == "refused" else None
            _log.warning("lookup_failed", reason=failure.detail, wait_seconds=round(wait, 1))
            return None
        self._failures.forget()
        self.refused = None
        await self._purse.bill(_billed(found), ())
        answer = read_answer(ids, found)
        metrics.POSTS_LOOKED_UP.inc(len(ids))
        if answer.unknown:
            _log.info("lookup_left_out", count=len(answer.unknown))
        return answer

    def _wait_seconds(self) -> float:
        """Until the next request may go: by X's back-off, and by our own share of its limit."""
        now = self._clock.monotonic()
        while self._requests and self._requests[0] <= now - WINDOW_SECONDS:
            self._requests.popleft()
        full = len(self._requests) >= self._settings.requests
        return max(self._not_before - now, self._requests[0] + WINDOW_SECONDS - now if full else 0.0)


def _billed(answer: dict[str, Any]) -> list[str]:
    """Every post of an answer, those that came with others too."""
    includes = fields.mapping(answer.get("includes"))
    posts = [answer.get("data"), includes.get("tweets"), includes.get("posts")]
    return [known for some in posts for post in fields.mappings(some) if (known := fields.identifier(post.get("id")))]
