"""A language for tests of time: at this moment that happens, between these I want exactly this to be told.

    story = Timeline(store, ROUTES)
    story.at("0s", posts(arrival(severity="high")))
    story.between("30s", "31s", "desk", "first")
    await story.play("20m")

What runs is ours whole: the file's policy, the transaction of a batch, timers, outbox, delivery, on a real store. Only
the clock is a number, and the receivers are fakes that keep what they get. Time goes from one moment at which something
is due to the next. Whatever is told and not wanted fails the test, and so does whatever is wanted and not told.
"""

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import text

from config.brands import Burst
from config.routes import Policy, Receiver, load_routes
from config.settings import Settings
from tests.workers.dispatcher.rig import FixedFiles
from tests.workers.incidents.scene import START, TOPIC, ms
from tests.workers.incidents.wants import Told, Want
from workers.dispatcher.delivery import FALLBACK_LOOK_SECONDS, Delivery
from workers.dispatcher.outcome import Result
from workers.dispatcher.style import Style
from workers.dispatcher.timers import Timers
from workers.incidents import ingest
from workers.incidents.model import Millis
from workers.runtime.health import StageHealth
from workers.store import Store

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RESTING_SECONDS: Final = 5.0  # something is due and its receiver rests: look again so soon
_STUCK_SECONDS: Final = 30.0  # of the real clock
_FALLBACK_SECONDS: Final = 60.0

Does = Callable[["Timeline"], Awaitable[None]]
Answer = Callable[["Timeline", "Told"], Awaitable[Result]]


def seconds(moment: str) -> float:
    """`1h30m` in seconds."""
    assert _PART.sub("", moment) == "", moment
    return sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(moment))


class StoryClock:
    """Time stands still until the story moves it; a sleeper that is stopped does not wake."""

    def __init__(self, story: "Timeline") -> None:
        self._story, self._stopped = story, False
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self._story.elapsed + self._story.skew)

    def monotonic(self) -> float:
        return self._story.elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        self.sleepers.append((self._story.elapsed + seconds, woken))
        await woken

    def wake(self) -> bool:
        """Wake whoever has slept long enough; whether there was anybody."""
        due = [] if self._stopped else [future for at, future in self.sleepers if at <= self._story.elapsed + 1e-9]
        self.sleepers = [(at, f) for at, f in self.sleepers if f not in due and not f.done()]
        awake = [future for future in due if not future.done()]
        for future in awake:
            future.set_result(None)
        return bool(awake)

    def asleep(self) -> int:
        return sum(not future.done() for _, future in self.sleepers)

    def stop(self, stopped: bool) -> None:
        self._stopped = stopped


@dataclass
class Dispatcher:
    """One replica, with its own clock so that it can be stopped by itself."""

    owner: str
    clock: StoryClock
    delivery: Delivery
    tasks: list[asyncio.Task[None]]
    stopping: asyncio.Event
    sending: int = 0
    """How many of its sends are held up."""

    @property
    def is_settled(self) -> bool:
        """Whether it waits for time to pass: in its two loops, and in each send that is held up."""
        if all(task.done() for task in self.tasks):
            return True
        return len(self.delivery._busy) == self.sending and self.clock.asleep() >= 2 + self.sending


class _Channel:
    def __init__(self, story: "Timeline", dispatcher: Callable[[], Dispatcher], receiver: str) -> None:
        self._story, self._dispatcher, self._receiver = story, dispatcher, receiver

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:
        dispatcher = self._dispatcher()
        told = Told(self._story.elapsed, self._receiver, key, dispatcher.owner, style, msgspec.json.decode(body))
        answer = self._story.answers.get(self._receiver)
        dispatcher.sending += 1
        try:
            result = await answer(self._story, told) if answer is not None else Result("delivered")
        finally:
            dispatcher.sending -= 1
        told = replace(told, at=self._story.elapsed)
        self._story.attempts.append(told)
        assert self._story.bodies.setdefault(key, body) == body, f"{key} came with two bodies"
        if result.kind == "delivered":
            self._story.told.append(told)
        return result


@dataclass
class Timeline:
    """The story: what happens when, what is wanted when."""

    store: Store
    routes: str
    rules: dict[str, Burst | None] = field(
        default_factory=lambda: {"acme": Burst(authors=20, within=timedelta(minutes=10))}
    )
    begins: str = "0s"
    """So long after three in the afternoon of 2026-11-24 in Tokyo, the story's zero."""

    def __post_init__(self) -> None:
        self.elapsed, self.skew = 0.0, seconds(self.begins)
        self.told: list[Told] = []
        self.attempts: list[Told] = []
        self.bodies: dict[str, bytes] = {}
        self.answers: dict[str, Answer] = {}
        self.dispatchers: dict[str, Dispatcher] = {}
        self.offset: int | None = None
        self._files = FixedFiles(policy_of(self.routes))
        self._plot: list[tuple[float, Does]] = []
        self._wants: list[Want] = []
        self._happened = float("-inf")

    def at(self, moment: str, *does: Does) -> None:
        """At this moment this happens."""
        self._plot += [(seconds(moment), do) for do in does]

    def between(self, first: str, last: str, receiver: str, reason: str, **says: Any) -> None:
        """Between these moments this receiver is to be told, for this reason, once. `says`: `incident__severity="high"`
        for a value of the body, `posts__count=3` for how many there are."""
        self._wants.append(Want(seconds(first), seconds(last), receiver, reason, says))

    async def play(self, until: str, *owners: str) -> None:
        """Let it all happen with these dispatchers (one, unless said), until that moment; then compare."""
        for owner in owners or ("one",):
            self.start(owner)
        try:
            await self._play(seconds(until))
        finally:
            await self._close()
        self._compare()

    def start(self, owner: str) -> Dispatcher:
        """Another dispatcher begins."""
        clock, stopping = StoryClock(self), asyncio.Event()
        files: Any = self._files

        def open_channel(receiver: Receiver) -> _Channel:
            return _Channel(self, lambda: dispatcher, receiver.name)

        delivery = Delivery(self.store, files, open_channel, clock, StageHealth("dispatcher", clock), owner)
        timers = Timers(self.store, files, clock, delivery.wake)
        tasks = [asyncio.create_task(delivery.run(stopping)), asyncio.create_task(timers.run(stopping))]
        dispatcher = Dispatcher(owner, clock, delivery, tasks, stopping)
        self.dispatchers[owner] = dispatcher
        return dispatcher

    def kill(self, owner: str) -> None:
        """It is gone in the middle of whatever it does; nothing is released."""
        dispatcher = self.dispatchers[owner]
        for task in [*dispatcher.tasks, *dispatcher.delivery._busy.values()]:
            task.cancel()

    async def arrive(self, *arrivals: ingest.Arrival, removals: Any = ()) -> ingest.Outcome:
        """A batch comes."""
        around = ingest.Context(self.store.dialect, self.policy, self.rules, self.now)
        following = (self.offset or 0) + len(arrivals) + len(removals)
        async with self.store.write() as connection:
            done = await ingest.ingest(connection, around, TOPIC, {0: (self.offset, following)}, arrivals, removals)
        self.offset = following
        for dispatcher in self.dispatchers.values():
            dispatcher.delivery.wake()
        return done

    @property
    def policy(self) -> Policy:
        return self._files.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._files.policy = policy

    @property
    def now(self) -> Millis:
        """What the wall clock says."""
        return ms(self.moment)

    @property
    def moment(self) -> datetime:
        return START + timedelta(seconds=self.elapsed + self.skew)

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        async with self.store.read() as connection:
            return list((await connection.execute(text(statement), values)).all())

    async def incident(self, key: str) -> str:
        """The id of the latest incident of a key."""
        (row,) = await self.rows("SELECT id FROM incidents WHERE key = :key AND latest", key=key)
        return str(row.id)

    async def events(self, key: str) -> list[str]:
        """The timeline of an incident, without who and why."""
        found = await self.rows("SELECT event FROM events WHERE incident = :i ORDER BY id", i=await self.incident(key))
        return [row.event for row in found]

    async def _play(self, end: float) -> None:
        await self._settle()
        plot = sorted(self._plot, key=lambda happening: happening[0])
        while True:
            while plot and plot[0][0] <= self.elapsed:
                await plot.pop(0)[1](self)
                self._happened = self.elapsed
                await self._settle()
            while self._wake():
                await self._settle()
            if self.elapsed >= end:
                return
            self.elapsed = min(end, plot[0][0] if plot else end, await self._next_due())

    def _wake(self) -> bool:
        woken = [dispatcher.clock.wake() for dispatcher in self.dispatchers.values()]
        return any(woken)

    async def _next_due(self) -> float:
        """When something is due next, by the store."""
        pending = await self.rows(
            "SELECT o.due_at, o.first_due_at, o.fallback_at, r.not_before, r.leased_until FROM outbox o "
            "LEFT JOIN receivers r ON r.receiver = o.receiver WHERE o.state IN ('scheduled', 'frozen')"
        )
        moments = [max(row.due_at, row.not_before or 0) for row in pending]
        # A fallback is looked at each five seconds: the look before its time may be the last but one.
        late = (_FALLBACK_SECONDS, _FALLBACK_SECONDS + FALLBACK_LOOK_SECONDS)
        others = [row.first_due_at + 1000 * after for row in pending if row.fallback_at is None for after in late]
        moments += [row.due_at for row in await self.rows("SELECT due_at FROM incidents WHERE due_at IS NOT NULL")]
        others += [row.ends_at for row in await self.rows("SELECT ends_at FROM silences WHERE ended_at IS NULL")]
        moments += [row.next_at for row in await self.rows("SELECT next_at FROM drills")]
        later = [moment for moment in [*moments, *others] if moment > self.now]
        following = (min(later) - self.now) / 1000 + self.elapsed if later else float("inf")
        if any(moment <= self.now for moment in moments):
            following = min(following, self.elapsed + _RESTING_SECONDS)
        # What happened is noticed by who looks each second.
        return min(following, self._happened + 1.0) if self.elapsed < self._happened + 1.0 else following

    async def _settle(self) -> None:
        """Until every dispatcher that runs waits for time to pass."""
        loop = asyncio.get_running_loop()
        begun, quiet = loop.time(), 0
        while quiet < 2:
            running = [d for d in self.dispatchers.values() if not d.clock._stopped]
            quiet = quiet + 1 if all(dispatcher.is_settled for dispatcher in running) else 0
            assert loop.time() - begun < _STUCK_SECONDS, "a dispatcher never comes to rest"
            for dispatcher in running:
                for task in dispatcher.tasks:
                    if task.done() and not task.cancelled():
                        task.result()
            await asyncio.sleep(0.0005)

    async def _close(self) -> None:
        for dispatcher in self.dispatchers.values():
            for task in [*dispatcher.tasks, *dispatcher.delivery._busy.values()]:
                task.cancel()
        await asyncio.gather(*(t for d in self.dispatchers.values() for t in d.tasks), return_exceptions=True)
        await asyncio.sleep(0)

    def _compare(self) -> None:
        left = list(self.told)
        missing = []
        for want in self._wants:
            met = next((told for told in left if want.is_met_by(told)), None)
            if met is None:
                missing.append(str(want))
            else:
                left.remove(met)
        assert (missing, [str(told) for told in left]) == ([], []), (
            "\n  wanted and not told:\n    "
            + "\n    ".join(missing or ["-"])
            + "\n  told and not wanted:\n    "
            + "\n    ".join([str(told) for told in left] or ["-"])
            + "\n  all that was told:\n    "
            + "\n    ".join(map(str, self.told))
        )


def policy_of(routes: str) -> Policy:
    """The policy of a `routes.yaml`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "routes.yaml"
        path.write_text(routes, "utf-8")
        return load_routes(path, Settings())


def posts(*arrivals: ingest.Arrival) -> Does:
    """These posts come, in one batch."""

    async def do(story: Timeline) -> None:
        await story.arrive(*arrivals)

    return do


def removal(*ids: str, brand: str = "acme") -> Does:
    """These posts are removed for good."""

    async def do(story: Timeline) -> None:
        await story.arrive(removals=[(brand, post) for post in ids])

    return do


def by_hand(change: Callable[..., Awaitable[Any]], key: str, **words: Any) -> Does:
    """A person does this to the latest incident of a key: `by_hand(change.acknowledge, "acme/care/90")`."""

    async def do(story: Timeline) -> None:
        incident = await story.incident(key)
        words.setdefault("by", "mika")
        if change.__name__ != "note":
            words.setdefault("reason", "")
        async with story.store.write() as connection:
            await change(connection, story.store.dialect, story.policy, [incident], now=story.now, **words)
        for dispatcher in story.dispatchers.values():
            dispatcher.delivery.wake()

    return do


def answers(receiver: str, answer: Answer | None) -> Does:
    """From here on the receiver answers so; None: it takes all."""

    async def do(story: Timeline) -> None:
        if answer is None:
            story.answers.pop(receiver, None)
        else:
            story.answers[receiver] = answer

    return do


def always(result: Result) -> Answer:
    """The same answer to everything."""

    async def answer(_: Timeline, __: Told) -> Result:
        return result

    return answer


def new_routes(routes: str) -> Does:
    """The file is changed."""

    async def do(story: Timeline) -> None:
        story.policy = policy_of(routes)

    return do


def clock_jumps(by: str, *, back: bool = False) -> Does:
    """The wall clock is put on or back; what was slept stays slept."""

    async def do(story: Timeline) -> None:
        story.skew += seconds(by) * (-1 if back else 1)

    return do


__all__ = ["START", "UTC", "Timeline", "Told", "always", "answers", "by_hand", "clock_jumps", "new_routes", "posts"]
