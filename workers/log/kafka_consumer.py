"""One member of a consumer group on Kafka: explicit offsets, revocations under a deadline, no silent stop."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, errors
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import TopicPartition

from schemas.errors import FencedError, HikeshiError, UnavailableError
from workers.log.contract import PartitionsChanged, Record
from workers.log.kafka_client import (
    CLIENT_ERRORS,
    COMMIT_SECONDS,
    JOIN_SECONDS,
    QUERY_SECONDS,
    REVOKE_SECONDS,
    bounded,
    stop_client,
    translate,
)
from workers.log.kafka_fetch import Fetch

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)

# All ours. A broker answers each fetch within FETCH_WAIT_MS (0.5 s), with or without records: this long without an
# answer means that it is away. After the longer time the member is made anew, whatever ails it.
SILENT_SECONDS = 5.0
RENEW_SECONDS = 60.0


class KafkaConsumer:
    """See `workers.log.contract.Consumer`.

    `on_revoked` runs in the background, as the rebalance demands, while the stage may be working. `on_assigned` runs
    in `poll`, before records of these partitions are given out. Every rebalance takes all partitions and gives them
    anew, and reading goes on at the committed offset: what was polled and not committed comes again.
    """

    def __init__(
        self,
        make: Callable[[], AIOKafkaConsumer],
        topic: str,
        group: str,
        on_assigned: PartitionsChanged | None,
        on_revoked: PartitionsChanged | None,
    ) -> None:
        self._make, self._topic, self._group = make, topic, group
        self._on_assigned, self._on_revoked = on_assigned, on_revoked
        self._announced: set[int] = set()
        self._paused: set[int] = set()
        self._rebalancing = True
        self._newest_answer = 0
        self._answered_at = time.monotonic()
        self._broken = False
        self._consumer: AIOKafkaConsumer = make()
        self._fetch = Fetch(self._consumer, topic)

    async def join(self) -> None:
        """Join the group; UnavailableError when that takes too long, and then nothing is left behind."""
        self._consumer.subscribe([self._topic], listener=_Listener(self))
        self._rebalancing, self._answered_at = True, time.monotonic()
        try:
            await bounded(self._consumer.start(), JOIN_SECONDS, f"join group {self._group}")
        except BaseException:
            await stop_client(self._consumer.stop(), self._consumer._client)
            raise

    @property
    def assignment(self) -> set[int]:
        return {place.partition for place in self._consumer.assignment()}

    async def poll(self, max_records: int, timeout_seconds: float) -> Mapping[int, Sequence[Record]]:
        if self._broken:
            await self._renew()
        if not self._rebalancing and self._announced != self.assignment:
            await self._announce()
        try:
            found = await self._fetch.poll(max_records, timeout_seconds)
        except CLIENT_ERRORS as error:
            # Its background tasks may have died of this; nothing but a new member is sure to go on.
            self._broken = True
            raise translate(error, f"read {self._topic}") from error
        if not found:
            self._check_answers()
            return found
        if not found.keys() <= self._announced:
            # They were given to us while we waited, and `on_assigned` may want to read from elsewhere: once more.
            self._put_back(found)
            return {}
        self._answered_at = time.monotonic()
        return found

    async def _announce(self) -> None:
        given = self.assignment
        self._fetch.forget()
        self._announced = given
        self._paused &= given
        self._apply_pauses()
        if self._on_assigned is None or not given:
            return
        try:
            await self._on_assigned(set(given))
        except BaseException:
            self._announced = set()  # they are announced again at the next poll
            raise

    def _put_back(self, found: Mapping[int, Sequence[Record]]) -> None:
        for partition, records in found.items():
            try:
                self._fetch.seek(partition, records[0].offset)
            except errors.IllegalStateError:
                continue  # taken away again: its new owner reads from the committed offset

    def _check_answers(self) -> None:
        """Raise UnavailableError when the brokers have not answered for a while; aiokafka itself says nothing."""
        now = time.monotonic()
        reading = {place for place in self._consumer.assignment() if place.partition not in self._paused}
        if not self._rebalancing:
            newest = max((self._consumer.last_poll_timestamp(place) or 0 for place in reading), default=0)
            if not reading or newest != self._newest_answer:
                self._newest_answer, self._answered_at = newest, now
        silent = now - self._answered_at
        if silent > RENEW_SECONDS:
            self._broken = True
        if silent > (JOIN_SECONDS if self._rebalancing else SILENT_SECONDS):
            what = "the group has not settled" if self._rebalancing else "no broker has answered"
            raise UnavailableError(f"read {self._topic}: {what} for {silent:.0f} s")

    async def _renew(self) -> None:
        """Leave and join again as a new member."""
        _log.warning("consumer_renewed", topic=self._topic, group=self._group)
        await self._revoked(set(self._announced))
        await stop_client(self._consumer.stop(), self._consumer._client)
        self._consumer = self._make()
        self._fetch = Fetch(self._consumer, self._topic)
        await self.join()
        self._broken = False

    async def _revoked(self, partitions: set[int]) -> None:
        """Called before the group takes all partitions; what is in flight may be finished, under one deadline."""
        self._rebalancing, self._answered_at = True, time.monotonic()
        known, self._announced = partitions & self._announced, set()
        if self._on_revoked is None or not known:
            return
        try:
            async with asyncio.timeout(REVOKE_SECONDS):
                await self._on_revoked(known)
        except TimeoutError:
            _log.warning("revocation_deadline_passed", topic=self._topic, partitions=sorted(known))
        except HikeshiError as error:
            # What could not be finished is dropped: nothing of it was committed, so it comes again.
            _log.warning("revocation_unfinished", topic=self._topic, partitions=sorted(known), error=str(error))

    def _assigned(self) -> None:
        self._rebalancing, self._answered_at = False, time.monotonic()
        self._apply_pauses()

    def _apply_pauses(self) -> None:
        paused = [place for place in self._consumer.assignment() if place.partition in self._paused]
        self._consumer.pause(*paused)

    def seek(self, partition: int, offset: int) -> None:
        try:
            self._fetch.seek(partition, offset)
        except errors.IllegalStateError as error:
            raise translate(error, f"seek in {self._topic}") from error

    async def commit(self, offsets: Mapping[int, int]) -> None:
        if not offsets:
            return
        places = {TopicPartition(self._topic, partition): offset for partition, offset in offsets.items()}
        await bounded(self._consumer.commit(places), COMMIT_SECONDS, f"commit for group {self._group}")

    def pause(self, partitions: set[int]) -> None:
        self._paused |= partitions
        self._apply_pauses()

    def resume(self, partitions: set[int]) -> None:
        self._paused -= partitions
        self._answered_at = time.monotonic()
        self._consumer.resume(*[place for place in self._consumer.assignment() if place.partition in partitions])

    async def committed(self) -> dict[int, int]:
        async def ask() -> dict[int, int]:
            found = {place: await self._consumer.committed(place) for place in self._consumer.assignment()}
            return {place.partition: offset for place, offset in found.items() if offset is not None}

        return await bounded(ask(), QUERY_SECONDS, f"read the offsets of group {self._group}")

    async def lag(self) -> dict[int, int]:
        async def ask() -> dict[int, int]:
            places = list(self._consumer.assignment())
            ends = await self._consumer.end_offsets(places)
            return {p.partition: max(0, ends[p] - await self._consumer.position(p)) for p in places}

        try:
            return await bounded(ask(), QUERY_SECONDS, f"measure the lag of {self._topic}")
        except FencedError:
            return {}  # taken away meanwhile: their new owner measures them

    async def close(self) -> None:
        await stop_client(self._consumer.stop(), self._consumer._client)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka brings no types
    """Hands aiokafka's calls on."""

    def __init__(self, member: KafkaConsumer) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._member._revoked({place.partition for place in revoked})

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:  # noqa: ARG002 - asked for in `poll`
        self._member._assigned()
