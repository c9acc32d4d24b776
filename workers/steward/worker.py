"""The steward stage: one replica at a time does its tasks, one step after the other; the others stand by."""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol

from config.files import Files
from config.settings import Settings
from schemas.errors import UnavailableError
from workers.incidents.change import to_millis
from workers.incidents.ops import clear_ops, raise_ops
from workers.log.contract import Log
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.stopping import unless
from workers.steward.checking import Checking
from workers.steward.edits import Edits
from workers.steward.forgetting import Forgetting
from workers.steward.jobs import Jobs
from workers.steward.learning import Learning
from workers.steward.lease import LEASE_MS, release_lease, take_lease
from workers.steward.lookups import Lookups
from workers.steward.removal import Removals
from workers.steward.watching import Watching
from workers.store.store import Store
from workers.x.api import XApi
from workers.x.backoff import Waits
from workers.x.budget import budget_of
from workers.x.compliance import Compliance
from workers.x.keeper import credential_name, whole
from workers.x.purse import Purse

_log = get_logger(__name__)

# Ours.
_RENEW_SECONDS: Final = LEASE_MS / 1000 / 3
_STANDBY_SECONDS: Final = 5.0
_AWAY_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 5.0  # between two looks at what is due
_LAST_STEP_SECONDS: Final = 2.0  # a step in flight at the stop; what it leaves is done by the next start
_LAST_SECONDS: Final = 2.0
_REFUSED: Final = "steward_refused"


class Task(Protocol):
    """One of the steward's tasks."""

    @property
    def name(self) -> str: ...

    async def turn(self) -> float:
        """One step, short; returns the seconds until the next. Raises UnavailableError: tried again in a while."""


class StewardWorker:
    """Runs the tasks while it holds the lease."""

    name = "steward"

    def __init__(
        self,
        log: Log,
        store: Store,
        files: Files,
        settings: Settings,
        clock: Clock,
        health: StageHealth,
        owner: str | None = None,
        waits: Waits | None = None,
    ) -> None:
        """`owner` names this replica in the lease; the same over restarts where there is a name."""
        self.health = health
        self._log, self._store, self._files, self._settings, self._clock = log, store, files, settings, clock
        self._owner = owner or secrets.token_hex(8)
        self._waits = waits or Waits()
        self._ours, self._draining = asyncio.Event(), asyncio.Event()
        self._removals: Removals | None = None
        self._lookups: Lookups | None = None
        self._refusal_told: str | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, finish the step in flight, return."""
        self._draining.clear()
        async with AsyncExitStack() as resources:
            tasks = self._tasks(resources)
            renewing = asyncio.create_task(self._keep_lease(), name="steward-lease")
            working = asyncio.create_task(self._work(tasks), name="steward-work")
            stop = asyncio.create_task(stopping.wait())
            try:
                await asyncio.wait({renewing, working, stop}, return_when=asyncio.FIRST_COMPLETED)
                self._draining.set()
                await asyncio.wait({working}, timeout=_LAST_STEP_SECONDS)
            finally:
                for task in (renewing, working, stop):
                    task.cancel()
                results = await asyncio.gather(renewing, working, return_exceptions=True)
                await self._release()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _tasks(self, resources: AsyncExitStack) -> list[Task]:
        """What there is to do by the settings; without a token nothing of X's."""
        steward, x = self._settings.steward, self._settings.x
        tasks: list[Task] = [Forgetting(self._store, self._clock, steward)]
        tasks.append(Learning(self._store, self._files, self._clock))
        self.health.facts["removals"] = "off: no token of X" if x.bearer_token is None else steward.removals
        if x.bearer_token is None:
            return tasks
        token = x.bearer_token.get_secret_value()
        # Without authors: X may bill them, and what is held of them is not looked at anew.
        api = XApi(x.base_url, token, spelling=x.spelling, authors=False)
        resources.push_async_callback(api.close)
        purse = Purse(self._store, credential_name(token), self.name, budget_of(x), self._clock)
        lookups = Lookups(api, purse, steward, x.post_usd, self._clock, self._waits)
        removals = Removals(self._log, self._store, self._files, self._clock, steward.removal_share)
        self._lookups, self._removals = lookups, removals
        of_x: list[Task] = []
        if steward.spread != "off":
            of_x.append(Watching(self._store, self._clock, steward, lookups, removals))
        if steward.removals != "off":
            edits = Edits(self._log, self._store, self._clock, lookups)
            checking = Checking(self._store, self._clock, steward, lookups, removals, edits)
            of_x.append(checking)
            if steward.removals != "lookup":
                of_x.append(self._jobs(api, checking, resources))
        return [*of_x, *tasks]

    def _jobs(self, api: XApi, checking: Checking, resources: AsyncExitStack) -> Jobs:
        steward = self._settings.steward
        compliance = Compliance(api)
        resources.push_async_callback(compliance.close)
        checking.only_free = True

        def told(available: bool) -> None:
            checking.only_free = available or steward.removals == "compliance"
            self.health.facts["removals"] = "compliance" if checking.only_free else "lookup: X takes no job"

        assert self._removals is not None  # noqa: S101  made just before
        return Jobs(self._store, self._clock, steward, compliance, self._removals, self._waits, told)

    async def _work(self, tasks: Sequence[Task]) -> None:
        """The tasks' steps, one after the other, while the lease is ours."""
        due = {task.name: 0.0 for task in tasks}
        self.health.started()
        while not self._draining.is_set():
            await unless(self._draining, self._ours.wait())
            for task in tasks:
                if self._clock.monotonic() >= due[task.name] and self._ours.is_set() and not self._draining.is_set():
                    due[task.name] = self._clock.monotonic() + await self._turn(task)
            wait = min(due.values()) - self._clock.monotonic()
            if wait > 0:
                await unless(self._draining, self._clock.sleep(min(wait, _IDLE_SECONDS)))

    async def _turn(self, task: Task) -> float:
        try:
            seconds = await task.turn()
            await self._tell_refusal()
        except UnavailableError as error:
            _log.warning("task_postponed", stage=self.name, task=task.name, error=str(error))
            with self.health.waiting("the log or the store"):
                await unless(self._draining, self._clock.sleep(_AWAY_SECONDS))
            return 0.0
        self.health.moved(0)
        self._show()
        return seconds

    async def _tell_refusal(self) -> None:
        """Ops hear that X refuses us, and that it takes us again."""
        refused = self._lookups.refused if self._lookups is not None else None
        if refused == self._refusal_told or self._lookups is None:
            return
        now, dialect = to_millis(self._clock.now()), self._store.dialect
        async with self._store.write() as connection:
            if refused is None:
                await clear_ops(connection, dialect, _REFUSED, now)
            else:
                english = f"X refuses to look posts up: {refused}. Removed posts and spread are not seen until then"
                japanese = f"X が投稿の確認を断っています：{refused}。直るまで、削除された投稿と広がりが見えません"
                texts = {"en": english, "ja": japanese}
                await raise_ops(connection, dialect, self._files.policy, _REFUSED, texts, now)
        self._refusal_told = refused

    def _show(self) -> None:
        """What `hikeshi status` shows."""
        if self._removals is not None:
            self.health.facts["posts_removed"] = self._removals.removed
            self.health.facts["removals_held"] = self._removals.held_back

    async def _keep_lease(self) -> None:
        """Take the lease and renew it; while the store is away it is ours until it has run out."""
        until = 0.0
        while True:
            try:
                ours = await whole(self._take_lease())
                until = self._clock.monotonic() + LEASE_MS / 1000
            except UnavailableError as error:
                _log.warning("store_unavailable", stage=self.name, error=str(error))
                ours = self._ours.is_set() and self._clock.monotonic() < until
            if ours != self._ours.is_set():
                _log.info("steward_lease_taken" if ours else "steward_lease_lost")
            self.health.facts["standby"] = not ours
            (self._ours.set if ours else self._ours.clear)()
            await self._clock.sleep(_RENEW_SECONDS if ours else _STANDBY_SECONDS)

    async def _take_lease(self) -> bool:
        async with self._store.write() as connection:
            return await take_lease(connection, self._owner, to_millis(self._clock.now()))

    async def _release(self) -> None:
        """Another need not wait. A store that is away must not hold up the stop: the lease runs out."""
        if not self._ours.is_set():
            return
        self._ours.clear()
        try:
            async with asyncio.timeout(_LAST_SECONDS), self._store.write() as connection:
                await release_lease(connection, self._owner)
        except (UnavailableError, TimeoutError) as error:
            _log.info("steward_lease_left", error=str(error) or type(error).__name__)
