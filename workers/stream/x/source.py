"""The source `x`: the stream, its recovery and its state in the store, as lines for the worker."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from config.brands import Brand
from config.settings import XSettings
from schemas.errors import ConfigurationError, HikeshiError, UnavailableError
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.stopping import unless
from workers.store.migrate import check_shape
from workers.store.store import Store
from workers.stream.source import Line
from workers.stream.x.buffer import Buffer
from workers.stream.x.connection import StreamConnection
from workers.stream.x.pace import Pace
from workers.stream.x.reception import Reception
from workers.stream.x.recovery import Budget, Recovery
from workers.stream.x.ruleset import Ruleset
from workers.stream.x.supervisor import Supervisor
from workers.stream.x.watermark import Watermark
from workers.x.api import XApi
from workers.x.failure import Failure
from workers.x.keeper import Keeper, Loaded, State, credential_name
from workers.x.meter import Meter, utc_day

_log = get_logger(__name__)

_BATCH_LINES: Final = 200  # ours: 0.8 s of an account's 250 posts/s
_LAST_SAVE_SECONDS: Final = 2.0  # ours: the drain's time is short, and the state of a second ago is there
_UNKNOWN: Final = "the stream's lease"


class XSource:
    """One credential's stream. `owner`: a name that outlives a restart finds its own lease again at once.

    `fail_first`: raise RefusedError when X refuses us before it ever took a connection (`run`); else stay and say so.
    """

    name = "x"

    def __init__(
        self,
        settings: XSettings,
        store: Store,
        brands: Callable[[], Sequence[Brand]],
        health: StageHealth,
        clock: Clock,
        *,
        owner: str | None = None,
        fail_first: bool = False,
        pace: Pace | None = None,
    ) -> None:
        if settings.bearer_token is None:
            raise ConfigurationError("the source x needs HIKESHI_X__BEARER_TOKEN")
        self._settings, self._store, self._brands = settings, store, brands
        self._health, self._clock, self._fail_first = health, clock, fail_first
        self._pace = pace or Pace()
        self._secret = settings.bearer_token
        self._keeper = Keeper(
            store, credential_name(self._secret.get_secret_value()), owner or uuid.uuid4().hex,
            round(self._pace.lease * 1000),
        )  # fmt: skip
        self._reception: Reception | None = None
        self._supervisor: Supervisor | None = None
        self._save_wanted = asyncio.Event()

    def where(self, line: Line) -> Mapping[str, Any]:
        """A post of X has no place but its number since the start."""
        return {"source": self.name, "line": line.number}

    def acknowledged(self, lines: Sequence[Line]) -> None:
        """The log has these: the watermark may go on."""
        if self._reception is not None:
            self._reception.acknowledged(lines)

    async def batches(self, stopping: asyncio.Event) -> AsyncGenerator[Sequence[Line], None]:
        """Lines as they come. At the stop, what was read is handed on: X has billed it."""
        if await unless(stopping, self._take_lease()) is None:
            return
        loaded = await unless(stopping, self._load())
        if loaded is None:
            return
        buffer = Buffer()
        self._reception = self._receive(loaded, buffer)
        api = XApi(self._settings.base_url, self._secret.get_secret_value(), authors=self._settings.authors)
        working = asyncio.create_task(self._work(api, self._reception, loaded.state), name="x-work")
        try:
            while await unless(stopping, _ready(buffer, working)):
                yield buffer.take(_BATCH_LINES)
            await _cancelled(working)
            while lines := buffer.take(_BATCH_LINES):
                yield lines
        finally:
            await _cancelled(working)
            await api.close()
            await self._last_save()

    async def _work(self, api: XApi, reception: Reception, state: State) -> None:
        """Everything beside the worker: the stream, its watch, recovery, the state. The first to fail ends all."""
        settings, pace = self._settings, self._pace
        token = self._secret.get_secret_value()
        ruleset = Ruleset(api, self._brands, settings.rules)
        posts = None if settings.recovery_usd is None else int(settings.recovery_usd / settings.post_usd)
        budget = Budget(posts, settings.recovery_time.total_seconds())
        recovery = Recovery(api, reception, lambda: ruleset.rules, self._clock, pace, budget)
        self._supervisor = Supervisor(
            lambda receiver: StreamConnection(settings.base_url, token, pace.silence, receiver),
            api, ruleset, reception, recovery, self._health, self._clock, pace,
            [at / 1000 for at in state.connects],
            fail_first=self._fail_first, authors=settings.authors, look_back=settings.look_back,
            save_now=self._save_wanted.set,
        )  # fmt: skip
        await _together(self._supervisor.run(), self._supervisor.watch(), recovery.run(), self._keep(self._supervisor))

    async def _keep(self, supervisor: Supervisor) -> None:
        """Write the state each second; the stream goes on while the store is away. A lost lease ends the stream."""
        away = False
        while True:
            try:
                async with asyncio.timeout(self._pace.save):
                    await self._save_wanted.wait()
            except TimeoutError:
                pass
            self._save_wanted.clear()
            self._show_money()
            try:
                ours = await self._save()
            except HikeshiError as error:
                if not away:
                    _log.warning("stream_state_unsaved", reason=str(error))
                away = True
                continue
            away = False
            if not ours:
                _log.error("stream_lease_lost", reason="another replica streams with this credential")
                supervisor.permitted.clear()
                supervisor.interrupt(Failure("lost", "another replica streams with this credential"))
                await self._take_lease()
                supervisor.permitted.set()

    async def _save(self, *, release: bool = False) -> bool:
        reception = self._reception
        if reception is None:
            return True
        billed = reception.meter.take_unsaved()
        connects = self._supervisor.connects if self._supervisor else []
        state = State(
            watermark=reception.watermark.value,
            connects=[round(at * 1000) for at in connects],
            days=reception.meter.days,
        )
        kept = False
        try:
            kept = await self._keeper.save(state, billed, self._now_ms(), release=release)
        finally:
            if not kept:
                reception.meter.not_saved(billed)
        return kept

    async def _last_save(self) -> None:
        try:
            async with asyncio.timeout(_LAST_SAVE_SECONDS):
                await self._save(release=True)
        except (HikeshiError, TimeoutError) as error:
            _log.warning("stream_state_unsaved", reason=str(error) or type(error).__name__)

    async def _take_lease(self) -> bool:
        """Wait until the lease is ours."""
        told = False
        with self._health.waiting(_UNKNOWN):
            await self._stored(lambda: check_shape(self._store))
            while not await self._stored(lambda: self._keeper.take(self._now_ms())):
                if not told:
                    _log.warning("stream_lease_awaited", reason="another replica streams with this credential")
                told = True
                await self._clock.sleep(self._pace.save)
        return True

    async def _load(self) -> Loaded:
        loaded: Loaded = await self._stored(lambda: self._keeper.load(utc_day(self._clock.now())))
        return loaded

    async def _stored(self, action: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """At the start nothing is known without the store: not what was spent, not where to go on."""
        while True:
            try:
                return await action()
            except UnavailableError as error:
                _log.warning("store_unavailable", error=str(error))
            with self._health.waiting("store"):
                await self._clock.sleep(self._pace.save)

    def _receive(self, loaded: Loaded, buffer: Buffer) -> Reception:
        today = utc_day(self._clock.now())
        meter = Meter(self._settings.daily_posts, loaded.state.days, today, loaded.billed)
        return Reception(meter, Watermark(loaded.state.watermark), self._clock, buffer, self._pace.behind)

    def _show_money(self) -> None:
        if self._reception is not None:
            now = self._clock.now()
            today = self._reception.meter.today(now)
            metrics.X_SPENT_TODAY.set(today * self._settings.post_usd)
            self._health.facts["posts_today"] = today
            self._health.facts["usd_today"] = round(today * self._settings.post_usd, 4)

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)


async def _ready(buffer: Buffer, working: "asyncio.Task[None]") -> bool:
    """Wait for lines; raises what ended the work."""
    filled = asyncio.create_task(buffer.filled())
    try:
        await asyncio.wait({filled, working}, return_when=asyncio.FIRST_COMPLETED)
        if not filled.done():
            working.result()
            raise RuntimeError("the stream's work ended by itself")
        return True
    finally:
        filled.cancel()


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends; raises what it raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
