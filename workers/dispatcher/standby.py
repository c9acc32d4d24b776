"""Delivery where no dispatcher delivers, and alerts to ops past a store that is away: what tells of trouble must not
hang on what is in trouble. Runs in the console's process, or beside a dispatcher's own delivery."""

import asyncio
import hashlib
import platform
from collections.abc import Mapping
from functools import partial
from typing import Final

import aiohttp

from config.files import Files
from config.routes import Receiver
from schemas.errors import UnavailableError
from workers.dispatcher.channels import Channel, open_channel
from workers.dispatcher.channels.tools import NoBook, answer_of
from workers.dispatcher.delivery import Delivery
from workers.dispatcher.messages import StoredBook
from workers.dispatcher.ops_freezing import ops_body
from workers.dispatcher.style import Style
from workers.incidents.change import to_millis
from workers.incidents.links import LinkMaker
from workers.incidents.model import Millis, Reason
from workers.incidents.ops import PREFIX, OpsAlert
from workers.incidents.records import new_id
from workers.runtime.clock import Clock
from workers.runtime.health import StageHealth
from workers.runtime.http_client import open_http_client
from workers.runtime.logging import get_logger
from workers.store import Store
from workers.store.sql import text

_log = get_logger(__name__)

LOOK_SECONDS: Final = 10.0  # ours
# Ours: an alert to ops that nobody has tried to send for so long; a dispatcher that lives tries within a second.
UNTRIED_MS: Final = 30_000
TURN_SECONDS: Final = 60.0  # ours: so long we deliver before we look again whether a dispatcher does

_UNTRIED: Final = (
    "SELECT 1 FROM outbox WHERE incident LIKE :ops AND state IN ('scheduled', 'frozen') AND attempts = 0 "
    "AND first_due_at <= :since LIMIT 1"
)


class Standby:
    """Looks whether alerts to ops lie about, and delivers what is due while they do."""

    def __init__(
        self, store: Store, files: Files, clock: Clock, health: StageHealth, owner: str, links: LinkMaker
    ) -> None:
        self._store, self._files, self._clock = store, files, clock
        self._health, self._owner, self._links = health, owner, links

    async def run(self) -> None:
        """For ever; a delivery under way is finished when it is called off."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            try:
                needed = await self._needed(to_millis(self._clock.now()))
            except UnavailableError as error:
                _log.debug("standby_blind", error=str(error))
                continue
            if needed:
                _log.error("standing_in", why="no dispatcher delivers: alerts to ops lie about")
                await self._deliver()

    async def _needed(self, now: Millis) -> bool:
        async with self._store.read() as connection:
            found = await connection.execute(text(_UNTRIED), {"ops": f"{PREFIX}%", "since": now - UNTRIED_MS})
            return found.first() is not None

    async def _deliver(self) -> None:
        stopping = asyncio.Event()
        async with open_http_client() as client:
            delivery = Delivery(
                self._store,
                self._files,
                lambda receiver: self._channel(receiver, client),
                self._clock,
                self._health,
                self._owner,
                self._links,
            )
            delivering = asyncio.create_task(delivery.run(stopping), name="standby-delivery")
            try:
                await self._clock.sleep(TURN_SECONDS)
            finally:
                stopping.set()
                delivery.wake()
                await delivering

    def _channel(self, receiver: Receiver, client: aiohttp.ClientSession) -> Channel:
        book = StoredBook(self._store, receiver.name)
        return open_channel(receiver, client, self._clock, lambda: self._files.templates, book)


class Directly:
    """Tells ops without the store: it can't be asked who was told, so each process that sees the trouble says so."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files, self._clock = files, clock
        self._alert: OpsAlert | None = None
        self._untold: dict[str, str] = {}

    async def worry(self, kind: str, texts: Mapping[str, str]) -> None:
        """Tell each receiver of ops, once; one that didn't take it is tried at the next call."""
        if self._alert is None:
            here = {language: f"{platform.node()}: {what}" for language, what in texts.items()}
            self._alert = OpsAlert(f"{PREFIX}{new_id()}", kind, here, to_millis(self._clock.now()), None)
            self._untold = dict.fromkeys(self._files.policy.ops, "first")
            _log.error("ops_alert_raised", kind=kind, what=here["en"], receivers=list(self._untold), directly=True)
        await self._tell(self._alert, "first")

    async def over(self) -> None:
        """It is over: those who were told are told so."""
        alert, untold, self._alert = self._alert, self._untold, None
        if alert is not None:
            told = set(self._files.policy.ops) - untold.keys()
            self._untold = dict.fromkeys(told, "all_resolved")
            await self._tell(alert, "all_resolved")
            _log.warning("ops_alert_cleared", kind=alert.kind, directly=True)

    async def _tell(self, alert: OpsAlert, reason: Reason) -> None:
        policy = self._files.policy
        style = Style(policy.route.language, policy.route.timezone)
        async with open_http_client() as client:
            for name in list(self._untold):
                receiver = policy.receivers.get(name)
                if receiver is None:  # taken out of the file meanwhile
                    del self._untold[name]
                    continue
                channel = open_channel(receiver, client, self._clock, lambda: self._files.templates, NoBook())
                body = ops_body(alert, reason, name, style.language)
                key = f"{alert.id}-{reason}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
                result = await answer_of(name, partial(channel.send, key, body, style, None))
                if result.kind == "delivered":
                    del self._untold[name]
                else:
                    _log.error("ops_unreached", receiver=name, failure=result.kind, detail=result.detail)
