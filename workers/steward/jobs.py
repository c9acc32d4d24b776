"""The task of compliance jobs: one question about all posts of X's that are held, which costs nothing."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Literal

import msgspec

from config.steward import StewardSettings
from workers.incidents.change import to_millis
from workers.incidents.decide import milliseconds
from workers.incidents.model import Millis
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.steward.held import brands_held, page_of, which_held
from workers.steward.lease import read_state, save_state
from workers.steward.removal import Removals
from workers.steward.sweep import first_id
from workers.store.store import Store
from workers.x.backoff import Failures, Waits
from workers.x.compliance import Compliance, Job
from workers.x.failure import CallFailed

_log = get_logger(__name__)

# All ours.
_MOST_IDS: Final = 200_000  # of one job: 4 MB; the next job takes the next ones
_READ_AT_ONCE: Final = 5_000
_YOUNGEST: Final = timedelta(minutes=10)  # X shows what it is going to show
_POLL_SECONDS: Final = 30.0  # X's jobs take minutes
_GIVEN_UP_MS: Final = 24 * 3_600_000  # a job that is not done by then is lost
_AGAIN_MS: Final = 3_600_000  # after one that failed, or whose removals were held back
_ANOTHER_SECONDS: Final = 300.0  # X runs one job of a kind at a time, and somebody else's is under way
_NAME: Final = "jobs"

Stand = Literal["rests", "asked"]


class JobState(msgspec.Struct, kw_only=True):
    """Where the jobs stand; kept in the store, so that a restart goes on with the same job."""

    next_at: Millis = 0
    brand: str = ""
    """The posts of which brand, after which id, are next: a store larger than a job is asked about in several."""
    after: str = ""
    job: str | None = None
    download: str = ""
    created_at: Millis = 0
    asked: int = 0


class Jobs:
    """One job at a time. `refused`: X gives this account none (look-ups must do), or did not say yet (None)."""

    name = _NAME

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: StewardSettings,
        compliance: Compliance,
        removals: Removals,
        waits: Waits,
        told: Callable[[bool], None],
    ) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._compliance, self._removals, self._told = compliance, removals, told
        self._failures = Failures(waits)

    async def turn(self) -> float:
        """One step. Returns the seconds until the next."""
        async with self._store.read() as connection:
            state = await read_state(connection, _NAME, JobState) or JobState()
        try:
            wait = await (self._begin(state) if state.job is None else self._go_on(state, state.job))
        except CallFailed as error:
            return await self._failed(error, state)
        self._failures.forget()
        return wait

    async def _begin(self, state: JobState) -> float:
        now = self._now()
        wait = state.next_at - now
        # A longer one was written down before the clock was put right.
        if 0 < wait <= max(milliseconds(self._settings.jobs_every), _AGAIN_MS):
            return wait / 1000
        ids, state = await self._collect(state)
        if not ids:
            await self._save(msgspec.structs.replace(state, next_at=now + milliseconds(self._settings.jobs_every)))
            return 0.0
        job = await self._compliance.create("hikeshi")
        self._told(True)
        await self._compliance.upload(job, ids)
        _log.info("compliance_job_created", job=job.id, ids=len(ids))
        state = msgspec.structs.replace(state, job=job.id, download=job.download_url, created_at=now, asked=len(ids))
        await self._save(state)
        return _POLL_SECONDS

    async def _go_on(self, state: JobState, job_id: str) -> float:
        job = await self._compliance.get(job_id)
        self._told(True)
        if job.status == "complete":
            await self._finish(state, job)
            return 0.0
        lost = job.status in ("failed", "expired") or self._now() - state.created_at > _GIVEN_UP_MS
        if not lost:
            return _POLL_SECONDS
        metrics.COMPLIANCE_JOBS.labels(job.status).inc()
        _log.warning("compliance_job_lost", job=job_id, status=job.status)
        await self._save(JobState(next_at=self._now() + _AGAIN_MS))
        return 0.0

    async def _finish(self, state: JobState, job: Job) -> None:
        gone = await self._compliance.download(job.download_url or state.download)
        async with self._store.read() as connection:
            held = await which_held(connection, self._store.dialect, gone)
        gone = {post_id: why for post_id, why in gone.items() if post_id in held}
        removed = await self._removals.confirmed(gone, among=state.asked)
        outcome = "complete" if removed else "held"
        metrics.COMPLIANCE_JOBS.labels(outcome).inc()
        _log.info("compliance_job_done", job=job.id, ids=state.asked, gone=len(gone), outcome=outcome)
        now = self._now()
        if not removed:
            following = JobState(next_at=now + _AGAIN_MS)
        elif state.brand:  # the store holds more than one job asks about: the rest at once
            following = JobState(brand=state.brand, after=state.after)
        else:
            following = JobState(next_at=now + milliseconds(self._settings.jobs_every))
        await self._save(following)

    async def _collect(self, state: JobState) -> tuple[list[str], JobState]:
        """The next ids, each once though several brands hold it, and where the following job begins."""
        highest = first_id(self._now() - milliseconds(_YOUNGEST))
        ids: dict[str, None] = {}
        brand, after = state.brand, state.after
        async with self._store.read() as connection:
            for brand in [name for name in await brands_held(connection) if name >= state.brand]:
                after = state.after if brand == state.brand else ""
                while page := await page_of(connection, brand, after, highest, _READ_AT_ONCE):
                    ids.update(dict.fromkeys(held.id for held in page))
                    after = page[-1].id
                    if len(ids) >= _MOST_IDS:
                        return list(ids), msgspec.structs.replace(state, brand=brand, after=after)
        return list(ids), msgspec.structs.replace(state, brand="", after="")

    async def _failed(self, error: CallFailed, state: JobState) -> float:
        failure = error.failure
        wait = self._failures.wait(failure, self._clock.now().timestamp(), random.random())  # noqa: S311
        metrics.COMPLIANCE_JOBS.labels("call_failed").inc()
        if failure.kind == "rules" and state.job is None:  # 409
            _log.info("compliance_job_awaited", reason=failure.detail)
            return _ANOTHER_SECONDS
        _log.warning("compliance_call_failed", reason=failure.detail, wait_seconds=round(wait, 1))
        if failure.kind == "refused" and state.job is None:
            self._told(False)
        elif state.job is not None and (failure.kind == "refused" or self._now() - state.created_at > _GIVEN_UP_MS):
            # X knows our job no more, or what it found can't be had.
            await self._save(JobState(next_at=self._now() + _AGAIN_MS))
        return wait

    async def _save(self, state: JobState) -> None:
        async with self._store.write() as connection:
            await save_state(connection, _NAME, state)

    def _now(self) -> Millis:
        return to_millis(self._clock.now())
