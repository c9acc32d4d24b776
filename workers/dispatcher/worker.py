"""The dispatcher stage: stores the marks that come, runs the incidents' timers, delivers what is due."""

import asyncio
import secrets

import aiohttp

from config.files import Files
from workers.dispatcher.channels import open_channel
from workers.dispatcher.delivery import Delivery
from workers.dispatcher.ingestion import STAGE, Ingestion
from workers.dispatcher.messages import StoredBook
from workers.dispatcher.timers import Timers
from workers.incidents.links import NO_LINKS, LinkMaker
from workers.log.contract import Log
from workers.runtime.clock import Clock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.runtime.http_client import open_http_client
from workers.store import Store


class DispatcherWorker:
    """Stores what comes, runs the incidents' timers, delivers what is due."""

    name = STAGE

    def __init__(
        self,
        log: Log,
        store: Store,
        files: Files,
        clock: Clock,
        health: StageHealth,
        dead_letters: DeadLetters,
        owner: str | None = None,
        links: LinkMaker = NO_LINKS,
    ) -> None:
        """`owner` names this replica in leases; the same over restarts where there is a name (static membership)."""
        self.health = health
        self._store, self._files, self._clock = store, files, clock
        self._links = links
        self._owner = owner or secrets.token_hex(8)
        self._ingestion = Ingestion(log, store, files, clock, health, dead_letters, self._wake)
        self._delivery: Delivery | None = None

    @property
    def opened(self) -> int:
        """Incidents opened since the start."""
        return self._ingestion.opened

    @property
    def sent(self) -> int:
        """Notifications delivered since the start."""
        return self._delivery.sent if self._delivery else 0

    @property
    def failed(self) -> int:
        """Notifications given up since the start."""
        return self._delivery.failed if self._delivery else 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, finish what is in flight, return. Raises StopError at the stop rule."""
        async with open_http_client() as client:
            self._delivery = self._new_delivery(client)
            timers = Timers(self._store, self._files, self._clock, self._delivery.wake)
            ended = asyncio.Event()
            ingesting = asyncio.create_task(self._ingestion.run(stopping), name="dispatcher-ingest")
            tasks = [
                ingesting,
                asyncio.create_task(self._delivery.run(ended), name="dispatcher-delivery"),
                asyncio.create_task(timers.run(ended), name="dispatcher-timers"),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if not ingesting.done():
                    ingesting.cancel()  # one of the others has failed: no half a dispatcher
            finally:
                ended.set()
                self._delivery.wake()
                results = await asyncio.gather(*tasks, return_exceptions=True)
        for failure in results:
            if isinstance(failure, Exception):
                raise failure

    def _new_delivery(self, client: aiohttp.ClientSession) -> Delivery:
        before = self._delivery
        delivery = Delivery(
            self._store,
            self._files,
            lambda receiver: open_channel(
                receiver, client, self._clock, lambda: self._files.templates, StoredBook(self._store, receiver.name)
            ),
            self._clock,
            self.health,
            self._owner,
            self._links,
        )
        if before is not None:  # run again after a stop: the summary counts on
            delivery.sent, delivery.failed = before.sent, before.failed
        return delivery

    def _wake(self) -> None:
        if self._delivery is not None:
            self._delivery.wake()
