"""Delivery: what is due goes to its receivers, one at a time for each, and what came of it is recorded."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from config.files import Files
from config.receiver import PROVIDER_PACES
from config.routes import Policy, Receiver
from schemas.errors import UnavailableError
from workers.dispatcher import messages, outbox
from workers.dispatcher.channels import Channel, EditableChannel
from workers.dispatcher.channels.tools import answer_of
from workers.dispatcher.editing import edit_due
from workers.dispatcher.enriching import Context
from workers.dispatcher.freezing import freeze
from workers.dispatcher.lease import Pace, release_leases, set_pace, switch, take_lease
from workers.dispatcher.outcome import FALLBACK_MS, Result, falls_back, next_step
from workers.dispatcher.throttle import allowance, recent_sends
from workers.incidents.change import to_millis
from workers.incidents.links import NO_LINKS, LinkMaker
from workers.incidents.model import Millis
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.store import Store

_log = get_logger(__name__)

POLL_SECONDS: Final = 1.0  # other replicas and the command line put things into the outbox too
FALLBACK_LOOK_SECONDS: Final = 5.0  # ours: a fallback is told within 65 s
# An attempt takes 10 s at most (the contract's time-out): with less of the lease left, it is renewed first.
_LEASE_NEEDED_MS: Final = 12_000
# Ours: another replica may have a newer routes.yaml, or this one may hold on to an older one that was refused.
_GONE_MS: Final = 15 * 60_000
_STORE_RETRY_SECONDS: Final = 0.5

OpenChannel = Callable[[Receiver], Channel]


class Delivery:
    """Sends what is due. `owner` names this replica: the same over restarts where it can be, so that it finds its own
    leases again."""

    def __init__(
        self,
        store: Store,
        files: Files,
        open_channel: OpenChannel,
        clock: Clock,
        health: StageHealth,
        owner: str,
        links: LinkMaker = NO_LINKS,
    ) -> None:
        self._store, self._files, self._open_channel, self._links = store, files, open_channel, links
        self._clock, self._health, self._owner = clock, health, owner
        self._woken = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._channels: dict[str, tuple[Receiver, Channel]] = {}
        self._edits: dict[str, list[Millis]] = {}
        """When messages of each receiver were changed."""
        self._fallbacks_looked_at = 0.0
        self.sent = 0
        self.failed = 0

    def wake(self) -> None:
        """Something may be due sooner than was known."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping` is set; what is under way is finished."""
        while not stopping.is_set():
            self._woken.clear()
            try:
                pause = await self._look(stopping)
                await self._look_at_fallbacks()
            except UnavailableError as error:
                _log.warning("store_unavailable", error=str(error))
                pause = _STORE_RETRY_SECONDS
            await self._rest(pause)
        await asyncio.gather(*self._busy.values(), return_exceptions=True)
        try:
            async with self._store.write() as connection:
                await release_leases(connection, self._owner)
        except UnavailableError as error:
            _log.warning("leases_not_released", error=str(error))

    async def _rest(self, seconds: float) -> None:
        """Until something is due, or we are woken."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        waking = asyncio.ensure_future(self._woken.wait())
        await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        sleeping.cancel()
        waking.cancel()

    async def _look(self, stopping: asyncio.Event) -> float:
        """Start a task for each receiver with something due; returns the seconds until it is worth looking again."""
        now = self._now()
        async with self._store.read() as connection:
            names, later = await outbox.due_receivers(connection, now)
            changing = await messages.due_receivers(connection, now)
        policy = self._files.policy
        names |= {name for name in changing & policy.receivers.keys() if self._may_change(policy.receivers[name])}
        self._again |= names & set(self._busy)
        for name in sorted(names - set(self._busy)):
            receiver = policy.receivers.get(name)
            if receiver is None:
                await self._pass_on(name, policy, now)
                continue
            task = asyncio.create_task(self._serve(receiver, policy, stopping), name=f"deliver-{name}")
            self._busy[name] = task
            task.add_done_callback(partial(self._done, name))
        return min(POLL_SECONDS, max(0.0, (later - now) / 1000)) if later is not None else POLL_SECONDS

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        del self._busy[name]
        if name in self._again:  # something became due while it was ending
            self._again.discard(name)
            self.wake()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, UnavailableError):
            _log.warning("store_unavailable", receiver=name, error=str(error))
        elif error is not None:
            # One bad channel blocks no other; the next look starts it again.
            _log.error("delivery_failed", receiver=name, exc_info=error)

    async def _pass_on(self, name: str, policy: Policy, now: Millis) -> None:
        """A receiver that the file does not hold: after a while others are told in its place."""
        async with self._store.read() as connection:
            if not await outbox.undelivered(connection, name, now - _GONE_MS):
                return  # a replica that knows it may serve it
        async with self._store.write() as connection:
            if await take_lease(connection, name, self._owner, now) is None:
                return
            count = await outbox.give_to_others(connection, self._store.dialect, policy, name, now - _GONE_MS, now)
        if count:
            _log.error("receiver_gone", receiver=name, incidents=count, why="not in routes.yaml any more")
            self.wake()

    async def _serve(self, receiver: Receiver, policy: Policy, stopping: asyncio.Event) -> None:
        """Deliver what is due for one receiver, while we hold its lease, it takes them and the files stay the same."""
        queue: deque[outbox.Due] = deque()
        while not stopping.is_set() and self._files.policy is policy:
            frozen, pace = await self._next(receiver, policy, queue)
            if pace is None:
                await self._edit(receiver, policy)
                return
            if frozen is None or pace.leased_until - self._now() < _LEASE_NEEDED_MS:
                continue  # not wanted any more; or we slept, and the lease may be another's by the time of the answer
            started = self._now()
            result = await answer_of(receiver.name, partial(self._send, receiver, frozen))
            if not await self._record_surely(receiver, policy, frozen, result, pace, started):
                return

    async def _edit(self, receiver: Receiver, policy: Policy) -> None:
        """What was sent and no longer holds is changed in place, once nothing new waits, where the channel can."""
        channel = self._channel(receiver)
        if not isinstance(channel, EditableChannel):
            return
        now = self._now()
        async with self._store.write() as connection:
            pace = await take_lease(connection, receiver.name, self._owner, now)
        if pace is None or pace.off is not None or pace.not_before > now:
            return
        limit = PROVIDER_PACES[receiver.kind].edits if receiver.kind in PROVIDER_PACES else None
        recent = recent_sends(limit, self._edits.get(receiver.name, []), now)
        left = allowance(limit, recent, now).left
        if left == 0:
            return
        done = await edit_due(
            self._store, policy, self._context(), self._signed, receiver.name, channel, self._now, random.random,
            pace.leased_until - _LEASE_NEEDED_MS, messages.EDITS_AT_ONCE if left is None else left,
        )  # fmt: skip
        self._edits[receiver.name] = [*recent, *done.times]
        if done.rest_until:
            async with self._store.write() as connection:
                await set_pace(
                    connection, receiver.name, not_before=done.rest_until, failures=pace.failures, sends=pace.sends
                )

    def _context(self) -> Context:
        return Context({brand.id: brand.name for brand in self._files.brands}, self._files.answers)

    def _signed(self, incident_id: str) -> dict[str, str] | None:
        return self._links.links(incident_id, self._clock.now())

    async def _next(
        self, receiver: Receiver, policy: Policy, queue: deque[outbox.Due]
    ) -> tuple[outbox.Frozen | None, Pace | None]:
        """The next notification, frozen under the receiver's lease; no pace: the receiver rests, or is another's.

        `queue` holds what was read as due and not yet looked at: a long backlog is not sorted anew for each of it.
        """
        now = self._now()
        async with self._store.write() as connection:
            pace = await take_lease(connection, receiver.name, self._owner, now)
            if pace is None:
                return None, None
            left = allowance(receiver.throttle, pace.sends, now).left
            rests = pace.off is not None or pace.not_before > now or left == 0
            metrics.RECEIVER_RESTING.labels(receiver.name).set(rests)
            if rests:
                return None, None
            if left == 1:  # the last one that may go now carries all the others
                queue.clear()
            if not queue:
                most = outbox.MAX_BUNDLE if left == 1 else outbox.PAGE
                queue.extend(await outbox.due_for(connection, receiver.name, now, most))
            if not queue:
                return None, None
            first = queue.popleft()
            bundle = [d for d in queue if d.state == "scheduled"] if left == 1 else []
            if first.is_gathered and left != 1:
                everything = await outbox.due_for(connection, receiver.name, now, outbox.MAX_BUNDLE)
                bundle = [d for d in everything if d.is_gathered and d.id != first.id]
            zones = {brand.id: brand.timezone for brand in self._files.brands}
            dialect = self._store.dialect
            frozen = await freeze(
                connection, dialect, policy, zones, receiver.name, [first, *bundle], now, self._links, self._context()
            )
        return frozen, pace

    async def _send(self, receiver: Receiver, frozen: outbox.Frozen) -> Result:
        return await self._channel(receiver).send(frozen.id, frozen.body, frozen.style, frozen.trace)

    async def _record_surely(
        self,
        receiver: Receiver,
        policy: Policy,
        frozen: outbox.Frozen,
        result: Result,
        pace: Pace,
        started: Millis,
    ) -> bool:
        """Record what came of an attempt; a store that is away for a moment must not make us send it twice."""
        while True:
            try:
                return await self._record(receiver, policy, frozen, result, pace, started)
            except UnavailableError:
                if pace.leased_until - self._now() < _LEASE_NEEDED_MS:
                    raise
                await self._clock.sleep(_STORE_RETRY_SECONDS)

    async def _record(
        self,
        receiver: Receiver,
        policy: Policy,
        frozen: outbox.Frozen,
        result: Result,
        pace: Pace,
        started: Millis,
    ) -> bool:
        """What came of an attempt. False when the receiver rests after it."""
        now = self._now()
        then = next_step(
            result, frozen.attempts + 1, pace.failures, frozen.frozen_at, frozen.refused_since, now, random.random()  # noqa: S311
        )  # fmt: skip
        sends = recent_sends(receiver.throttle, [*pace.sends, started], now)
        taken = then.state == "sent" or result.kind == "client"  # it answers; what it refuses is ours to look at
        dialect, name = self._store.dialect, receiver.name
        async with self._store.write() as connection:
            if then.state == "sent":
                await outbox.record_sent(connection, dialect, policy, name, frozen, now)
                if result.made is not None:
                    await messages.remember(connection, dialect, name, frozen, result.made, now, result.again_seconds)
            else:
                await outbox.record_failure(connection, dialect, policy, name, frozen, then, receiver.fallback, now)
            failures = 0 if taken else pace.failures + 1
            await set_pace(connection, name, not_before=then.not_before, failures=failures, sends=sends)
            if then.switch_off:
                await switch(connection, name, f"it answered that it is gone ({result.detail})", now)
        metrics.RECEIVER_FAILURES.labels(name).set(failures)
        self._say(receiver, frozen, result, then.state)
        if then.state == "failed":
            self.wake()
        if then.switch_off:
            _log.error("receiver_switched_off", receiver=name, remedy=f"mend it, then `hikeshi check --send {name}`")
        return taken

    def _say(self, receiver: Receiver, frozen: outbox.Frozen, result: Result, state: str) -> None:
        outcome = "retry" if state == "frozen" else state
        metrics.NOTIFICATIONS.labels(receiver.name, outcome).inc()
        if state == "sent":
            self.sent += 1
            self._health.moved(0)
            metrics.NOTIFICATION_SECONDS.observe(max(0, self._now() - frozen.first_due_at) / 1000)
            _log.info("notification_sent", receiver=receiver.name, notification=frozen.id, trace=frozen.trace)
            return
        if state == "failed":
            self.failed += 1
        say = _log.error if state == "failed" else _log.warning
        say(
            f"notification_{'given_up' if state == 'failed' else 'delayed'}",
            receiver=receiver.name,
            notification=frozen.id,
            trace=frozen.trace,
            attempt=frozen.attempts + 1,
            failure=result.kind,
            detail=result.detail,
        )

    async def _look_at_fallbacks(self) -> None:
        """Tell the fallbacks of what has been due for too long, whether its receiver is slow, resting or off."""
        if self._clock.monotonic() - self._fallbacks_looked_at < FALLBACK_LOOK_SECONDS:
            return
        self._fallbacks_looked_at = self._clock.monotonic()
        policy = self._files.policy
        for receiver in policy.receivers.values():
            if receiver.fallback is not None:
                await self._check_fallback(receiver, receiver.fallback, policy)

    async def _check_fallback(self, receiver: Receiver, fallback: str, policy: Policy) -> None:
        now = self._now()
        async with self._store.read() as connection:
            late = await outbox.undelivered(connection, receiver.name, now - FALLBACK_MS)
        if not late:
            return
        async with self._store.write() as connection:
            pace = await take_lease(connection, receiver.name, self._owner, now)
        if pace is None:
            return
        resting = pace.off is not None or pace.failures > 0
        throttled = not resting and allowance(receiver.throttle, pace.sends, now).left == 0
        why = f"{receiver.name} has not taken it for 60 s"
        for row in late:
            if falls_back(row.first_due_at, row.weight, throttled, now):
                async with self._store.write() as connection:  # one incident's lock at a time
                    await outbox.fall_back(connection, self._store.dialect, policy, row, fallback, why, now)
                self.wake()

    def _channel(self, receiver: Receiver) -> Channel:
        """The receiver's channel, opened anew when the file says something else of it."""
        known = self._channels.get(receiver.name)
        if known is None or known[0] != receiver:
            known = (receiver, self._open_channel(receiver))
            self._channels[receiver.name] = known
        return known[1]

    def _may_change(self, receiver: Receiver) -> bool:
        """Whether what was sent to it can be changed in place; of a channel that is not open yet nobody knows."""
        known = self._channels.get(receiver.name)
        return known is None or known[0] != receiver or isinstance(known[1], EditableChannel)

    def _now(self) -> Millis:
        return to_millis(self._clock.now())
