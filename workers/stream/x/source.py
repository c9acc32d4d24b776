"""The source `x`: the stream, its recovery and its state in the store, as lines for the worker."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from config.brands import Brand
from config.x_settings import XSettings
from schemas.errors import ConfigurationError, HikeshiError, UnavailableError
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.runtime.stopping import unless
from workers.store.migrate import check_shape
from workers.store.store import Store
from workers.stream.source import Line
from workers.stream.x.audit import Audit
from workers.stream.x.buffer import Buffer
from workers.stream.x.concerns import Concerns, Tell
from workers.stream.x.connection import StreamConnection
from workers.stream.x.money import Money
from workers.stream.x.pace import Pace
from workers.stream.x.poller import Poller
from workers.stream.x.reception import Reception
from workers.stream.x.recovery import Recovery
from workers.stream.x.ruleset import Ruleset
from workers.stream.x.search import Allowance, Searcher
from workers.stream.x.supervisor import Supervisor
from workers.stream.x.usage_comparison import UsageComparison
from workers.stream.x.watermark import Watermark
from workers.x.api import XApi, open_api
from workers.x.budget import budget_of, utc_day
from workers.x.failure import Failure
from workers.x.keeper import Keeper, Loaded, State, credential_name
from workers.x.meter import Meter

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
        tell_ops: Tell | None = None,
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
        self._concerns, self._tell_ops = Concerns(), tell_ops
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
        api = open_api(self._settings, self._pace.connect_window)
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
        settings, pace, clock, concerns = self._settings, self._pace, self._clock, self._concerns
        token = self._secret.get_secret_value()
        money = Money(reception, self._brands, self._health, clock, concerns)
        ruleset = Ruleset(api, money.listening, settings.rules)
        searcher = Searcher(api, reception, lambda: ruleset.rules, clock, pace)
        one = settings.post_usd + (settings.author_usd if settings.authors else 0.0)
        allowance = Allowance(int(settings.recovery_usd / one), settings.recovery_time.total_seconds())
        recovery = Recovery(searcher, reception, clock, pace, allowance, concerns)
        supervisor = self._supervisor = Supervisor(
            lambda receiver: StreamConnection(settings.base_url, token, pace.silence, receiver),
            api, ruleset, reception, recovery, money, concerns, self._health, clock, pace,
            [at / 1000 for at in state.connects],
            fail_first=self._fail_first, leave=settings.reading == "auto", settings=settings,
            save_now=self._save_wanted.set,
        )  # fmt: skip
        poller = Poller(
            searcher, ruleset, reception, money, concerns, supervisor.permitted, self._health, clock, pace,
            fail_first=self._fail_first, settings=settings, allowance=allowance,
        )  # fmt: skip
        audit = Audit(
            searcher, reception, lambda: supervisor.connected_since, supervisor.lost, clock, pace, concerns
        )  # fmt: skip
        comparison = UsageComparison(api, reception.meter, clock, pace.usage, concerns)
        await _together(
            self._read(supervisor, poller), recovery.run(), audit.run(), comparison.run(), self._keep(supervisor)
        )

    async def _read(self, supervisor: Supervisor, poller: Poller) -> None:
        """By the stream, or by search where the plan has none. Where that was so, it is asked again each hour."""
        if self._settings.reading == "search":
            await poller.run(None)
        while True:
            self._health.facts["reading"] = "stream"
            await _until_first(supervisor.run(), supervisor.watch())
            _log.warning("stream_not_in_plan", reading="search", again_seconds=self._pace.again)
            if supervisor.was_connected:
                self._concerns.worry(
                    "x_stream_refused",
                    "X says that the plan has no stream any more; posts come by search, a minute late, until it has",
                    "X によると契約にストリームがなくなりました。戻るまで検索で読みます（1分ほど遅れます）",
                )
            poller.fail_first = supervisor.fail_first
            await poller.run(self._pace.again)
            supervisor.fail_first = poller.fail_first

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
            try:
                ours = await self._save()
                if self._tell_ops is not None:
                    await self._concerns.hand_on(self._tell_ops)
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
                bill = (await self._load()).bill
                if self._reception is not None:
                    self._reception.meter.reload(bill.days, bill.others, bill.ids, utc_day(self._clock.now()))
                supervisor.permitted.set()

    async def _save(self, *, release: bool = False) -> bool:
        reception = self._reception
        if reception is None:
            return True
        now = self._clock.now()
        billed = reception.meter.take_unsaved()
        connects = self._supervisor.connects if self._supervisor else []
        state = State(
            watermark=reception.watermark.value,
            connects=[round(at * 1000) for at in connects],
            days={day: spent.posts for day, spent in reception.meter.days.items()},
        )
        elsewhere = None
        try:
            elsewhere = await self._keeper.save(state, billed, utc_day(now), self._now_ms(), release=release)
        finally:
            if elsewhere is None:
                reception.meter.not_saved(billed)
        if elsewhere is not None:
            reception.meter.elsewhere(elsewhere.ids, elsewhere.others, utc_day(now))
        return elsewhere is not None

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
        meter = Meter(budget_of(self._settings), today, loaded.bill.days, loaded.bill.others, loaded.bill.ids)
        speed = Pace.audit / self._pace.audit
        return Reception(meter, Watermark(loaded.state.watermark), self._clock, buffer, self._pace.behind, speed)

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


async def _until_first(working: Coroutine[Any, Any, None], watching: Coroutine[Any, Any, None]) -> None:
    """Run both until the first ends; raises what either raised."""
    watch = asyncio.create_task(watching)
    work = asyncio.create_task(working)
    try:
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        for task in (watch, work):
            if task.done():
                task.result()
    finally:
        await _cancelled(watch)
        await _cancelled(work)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
