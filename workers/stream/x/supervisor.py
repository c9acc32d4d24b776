"""Keeps one stream open: connects within X's quota, tells a failure's class, waits as it asks, never goes deaf."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from random import Random
from typing import Final

from config.brands import Brand
from config.x_settings import XSettings
from schemas.errors import RefusedError
from workers.runtime import metrics
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.logging import get_logger
from workers.stream.x.audit import Loss
from workers.stream.x.concerns import Concern, Concerns
from workers.stream.x.connection import StreamConnection
from workers.stream.x.money import Money
from workers.stream.x.pace import Pace, connect_wait, recent_connects
from workers.stream.x.reception import Reception
from workers.stream.x.recovery import Recovery
from workers.stream.x.refusal import refusal_of, tell_refusal
from workers.stream.x.ruleset import Ruleset
from workers.stream.x.search import Gap, first_start
from workers.x.api import XApi
from workers.x.backoff import Failures
from workers.x.failure import CallFailed, Failure
from workers.x.parameters import Spelling, others, post_parameters

_log = get_logger(__name__)

_WAITS_FOR: Final = "X"  # in `/readyz` and `hikeshi status`
_LOOK_SECONDS: Final = 1.0
_OVER_WHEN_CONNECTED: Final[tuple[Concern, ...]] = ("x_refused", "x_deaf", "x_stream_refused")

Connect = Callable[[Reception], StreamConnection]


class Supervisor:
    """The stream's life. `fail_first`: raise RefusedError when X refuses us before it ever took a connection.

    `leave`: end when X says that the plan has no stream.
    """

    def __init__(
        self,
        connect: Connect,
        api: XApi,
        ruleset: Ruleset,
        reception: Reception,
        recovery: Recovery,
        money: Money,
        concerns: Concerns,
        health: StageHealth,
        clock: Clock,
        pace: Pace,
        connects: list[float],
        *,
        fail_first: bool,
        leave: bool,
        settings: XSettings,
        save_now: Callable[[], None],
    ) -> None:
        self._connect, self._api, self._ruleset, self._reception = connect, api, ruleset, reception
        self._recovery, self._money, self._concerns = recovery, money, concerns
        self._health, self._clock, self._pace = health, clock, pace
        self.fail_first, self._leave, self._settings = fail_first, leave, settings
        self._save_now = save_now
        self.connects = connects
        """When we connected, in seconds since 1970: kept, since X's quota outlives a restart."""
        self._failures = Failures(pace)
        self._spelling: Spelling = settings.spelling
        self._random = Random()  # noqa: S311 - spreads retries, guards nothing
        self.permitted = asyncio.Event()
        """Cleared while another replica may hold the lease."""
        self.permitted.set()
        self._connected_at: float | None = None
        self._interrupted: asyncio.Future[Failure] | None = None
        self._waits = ExitStack()
        self._told_deaf = False
        self._deaf_since = clock.monotonic()
        self._quiet_since: int | None = None
        self._anew_for_loss_at: float | None = None
        self._rules_again: tuple[Sequence[Brand], float] = ((), 0.0)
        self.was_connected = False
        reception.on_connected = self._on_connected

    @property
    def connected(self) -> bool:
        """Whether the stream is open now."""
        return self._connected_at is not None

    @property
    def connected_since(self) -> int | None:
        """In milliseconds since 1970; None while there is no stream."""
        if self._connected_at is None:
            return None
        return self._now_ms() - round((self._clock.monotonic() - self._connected_at) * 1000)

    def interrupt(self, failure: Failure) -> None:
        """End the connection that is open, if one is."""
        if self._interrupted is not None and not self._interrupted.done():
            self._interrupted.set_result(failure)

    def lost(self, loss: Loss) -> None:
        """The stream leaves posts out: connect anew, once in a while; what is missing is looked for by search."""
        now = self._clock.monotonic()
        if self._anew_for_loss_at is not None and now - self._anew_for_loss_at < self._pace.audit:
            self._recovery.add(Gap(loss.since, self._now_ms()))
            return
        self._anew_for_loss_at = now
        self._quiet_since = loss.since
        self.interrupt(Failure("quiet", str(loss)))

    async def run(self) -> None:
        """Stream for ever; ends by a cancel or RefusedError, and where it may leave, when the plan has no stream."""
        try:
            self._waits.enter_context(self._health.waiting(_WAITS_FOR))
            while True:
                await self._allowed()
                failure = await self._attempt()
                if self._leave and failure.not_in_plan:
                    return
                await self._after(failure)
        finally:
            self._waits.close()
            self._health.cleared()

    async def watch(self) -> None:
        """Look each second whether we are deaf, whether the silence is peace, and whether the rules are still right."""
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            self._watch_deafness()
            self._money.look()
            if not self.connected:
                continue
            now = self._clock.monotonic()
            last = self._reception.volume.suspicious_since(now, self._pace.quiet)
            if last is not None:
                self._quiet_since = self._now_ms() - round((now - last) * 1000)
                self.interrupt(Failure("quiet", f"heartbeats, and no post for {now - last:.0f} s where many are usual"))
            elif self._ruleset.stale and self._may_try_rules(now):
                failure = await self._renew_rules()
                wait = 0.0 if failure is None else self._failures.wait(failure, self._clock.now().timestamp(), 0.0)
                self._rules_again = (self._money.listening(), now + wait)

    async def _allowed(self) -> None:
        """Wait until nothing of ours or of X's forbids to connect."""
        await self.permitted.wait()
        await self._reception.buffer.half_empty()
        self._money.look()
        await self._money.affordable()
        seconds = connect_wait(self.connects, self._clock.now().timestamp(), self._pace.connect_window)
        if seconds > 0:
            _log.warning("connects_paced", wait_seconds=round(seconds, 1), reason="X's quota of connects")
            await self._clock.sleep(seconds)

    async def _attempt(self) -> Failure:
        """Connect once and stay as long as it lasts."""
        failure = await self._renew_rules() if self._ruleset.stale else None
        if failure is not None and not self._do_without(failure):
            # A plan with a stream has its rules: who may not see these has no stream, whatever else X says.
            return failure._replace(not_in_plan=failure.status == 403)
        now = self._clock.now().timestamp()
        self.connects[:] = [*recent_connects(self.connects, now, self._pace.connect_window), now]
        self._save_now()
        metrics.X_CONNECTS.inc()
        self._interrupted = asyncio.get_running_loop().create_future()
        connection = self._connect(self._reception)
        parameters = post_parameters(self._spelling, authors=self._settings.authors)
        listening = asyncio.create_task(connection.listen(parameters))
        try:
            await asyncio.wait({listening, self._interrupted}, return_when=asyncio.FIRST_COMPLETED)
            return self._interrupted.result() if self._interrupted.done() else listening.result()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            self._interrupted = None

    def _on_connected(self) -> None:
        now = self._now_ms()
        start = first_start(self._reception.watermark.heard_until, self._settings.look_back, now)
        if start is not None and self._quiet_since is not None:
            start = min(start, self._quiet_since)
        self._quiet_since = None
        self._connected_at, self.fail_first, self._told_deaf = self._clock.monotonic(), False, False
        self.was_connected = True
        self._reception.volume.connected(self._connected_at)
        for concern in _OVER_WHEN_CONNECTED:
            self._concerns.over(concern)
        self._waits.close()
        self._health.cleared()
        _log.info("stream_connected", gap_seconds=None if start is None else round((now - start) / 1000, 1))
        if start is not None:
            self._recovery.add(Gap(start, now))
        self._reception.heard()

    async def _after(self, failure: Failure) -> None:
        """Say what happened, do what can be done about it, wait as long as it asks for."""
        lasted = 0.0
        if self._connected_at is not None:
            lasted = self._clock.monotonic() - self._connected_at
            self._connected_at, self._deaf_since = None, self._clock.monotonic()
            self._waits.enter_context(self._health.waiting(_WAITS_FOR))
        if lasted >= self._pace.healthy:
            self._failures.forget()
        metrics.X_DISCONNECTS.labels(failure.kind).inc()
        if failure.kind == "refused":
            if self.fail_first:
                raise RefusedError(refusal_of(failure))
            tell_refusal(failure, self._health, self._concerns, self._pace.refused)
        elif failure.kind == "spelling":
            self._spelling = others(self._spelling)[0]
        elif failure.kind == "too_many":
            await self._clear_connections()
        if failure.kind in ("rules", "refused"):
            self._ruleset.distrust()
        wait = 0.0
        if failure.kind not in ("full", "spent", "quiet", "lost"):
            wait = self._failures.wait(failure, self._clock.now().timestamp(), self._random.random())
        _log.warning(
            "stream_disconnected",
            failure=failure.kind, reason=failure.detail, lasted_seconds=round(lasted, 1), wait_seconds=round(wait, 2),
        )  # fmt: skip
        await self._clock.sleep(wait)

    async def _clear_connections(self) -> None:
        """We hold the lease: a connection that X still counts is a ghost of ours."""
        try:
            await self._api.clear_connections()
            _log.info("ghost_connections_cleared")
        except CallFailed as error:
            _log.warning("ghost_connections_left", reason=error.failure.detail)

    async def _renew_rules(self) -> Failure | None:
        """Bring the brands' rules into force: X takes them while the stream is open too. Refused: those that it has
        stay, ops are told."""
        try:
            await self._ruleset.bring_into_force()
        except CallFailed as error:
            if error.failure.kind != "refused":
                _log.warning("rules_postponed", reason=error.failure.detail)
            elif self._ruleset.has_any_in_force:
                kept = "the rules as they were before"
                _log.error("rules_refused", reason=error.failure.detail, kept=kept)
                self._concerns.worry(
                    "x_rules_refused", f"X refuses the changed rules, {kept} are in force: {error.failure.detail}",
                    f"X が新しいルールを受け付けません。前のルールのまま続けます：{error.failure.detail}",
                )  # fmt: skip
            return error.failure
        self._concerns.over("x_rules_refused")
        return None

    def _do_without(self, failure: Failure) -> bool:
        """Whether changed rules that X won't take leave those of before: no reason to be deaf."""
        return self._ruleset.has_any_in_force and failure.kind == "refused" and failure.status in (None, 400)

    def _may_try_rules(self, now: float) -> bool:
        """Other brands than those that X refused at once, the same ones in a while."""
        refused, again_at = self._rules_again
        return now >= again_at or self._money.listening() is not refused

    def _watch_deafness(self) -> None:
        heard = self._reception.watermark.heard_until
        if self.connected:
            deaf = 0.0 if heard is None else max(0.0, (self._now_ms() - heard) / 1000)
        else:
            deaf = self._clock.monotonic() - self._deaf_since
        metrics.X_DEAF_SECONDS.set(deaf)
        self._health.facts["deaf_seconds"] = round(deaf, 1)
        if deaf >= self._pace.deaf and not self._told_deaf and not self._reception.spent:
            self._told_deaf = True
            _log.error("stream_deaf", seconds=round(deaf))
            self._concerns.worry(
                "x_deaf", f"nothing was heard from X for {deaf:.0f} s; it is tried again and again",
                f"X から {deaf:.0f} 秒間何も届いていません。接続を続けて試しています",
            )  # fmt: skip

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)
