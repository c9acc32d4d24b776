"""How things stand: one look at the store and the log, for the self-audit and `hikeshi status`."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from config.brands import Brand
from schemas.errors import UnavailableError
from schemas.topics import MARKS, MENTIONS, Topic
from workers.incidents.audit import (
    BASELINE_HOURS,
    EXPECTED_POSTS,
    EXPECTED_WEEKS,
    SeenWorker,
    Silence,
    Standing,
    Undelivered,
)
from workers.incidents.model import Millis
from workers.log.contract import Log
from workers.runtime.letter_box import list_letters
from workers.store.offsets import read_offsets
from workers.store.reports import read_reports
from workers.store.sql import text
from workers.store.store import Store

SHOWN_SECONDS: Final = 600.0  # ours: workers that ended longer ago are no news
_SILENT_HOURS: Final = (1, 2, 4, 8, 16)  # ours: spans that are looked at, the shortest first
_LONGEST_REST_MS: Final = 3_600_000  # the contract's: no attempt is put off for longer
_WEEK: Final = timedelta(weeks=1)

# By when it was first due: a receiver that fails is tried again and again, each time a little later.
_UNDELIVERED: Final = (
    "SELECT receiver, COUNT(*) AS waiting, MIN(first_due_at) AS oldest FROM outbox "
    "WHERE state IN ('scheduled', 'frozen') AND due_at <= :horizon "
    "AND first_due_at <= :now AND (state = 'frozen' OR due_at <= :now) "
    "GROUP BY receiver ORDER BY receiver"
)
_RECEIVERS_OFF: Final = "SELECT receiver, off FROM receivers WHERE off IS NOT NULL ORDER BY receiver"
_FAILED: Final = "SELECT COUNT(*) FROM outbox WHERE state = 'failed'"
_TIMERS: Final = "SELECT MIN(due_at) FROM incidents WHERE due_at IS NOT NULL"
# What was said since is to be learned: not where nobody said anything, nor in a replay of what is long past.
_UNLEARNED: Final = (
    "SELECT brand FROM baselines WHERE until_hour < :oldest AND EXISTS (SELECT 1 FROM minutes "
    "WHERE minutes.brand = baselines.brand AND minutes.minute >= :first "
    "AND minutes.minute >= baselines.until_hour * 60 AND minutes.minute < :oldest * 60)"
)
_LEARNABLE_HOURS: Final = 7 * 24  # ours: the steward learns of whoever was spoken of within three days
_CAME: Final = (
    "SELECT COALESCE(SUM(complaint + question + praise + promotion + neutral + irrelevant), 0) FROM minutes "
    "WHERE brand = :brand AND minute >= :first AND minute < :end"
)


class Letters:
    """Counts the dead letters; the topics are read again only when something was written to them."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._ends: dict[str, dict[int, tuple[int, int]]] = {}
        self._count = 0

    async def count(self) -> int:
        """How many there are."""
        topics = (MENTIONS, MARKS)
        ends = {topic.name: await self._log.offsets(topic.dead_letters) for topic in topics}
        if ends != self._ends:
            self._count = len(await list_letters(self._log, topics))
            self._ends = ends
        return self._count


async def look(
    store: Store,
    log: Log,
    letters: Letters,
    required: Sequence[str],
    now: Millis,
    brands: Sequence[Brand] = (),
) -> Standing:
    """How things stand now. `brands`: those in force, of which posts are expected. Raises UnavailableError while the
    store is away."""
    workers = [
        SeenWorker(report.worker, report.stage, report.seen_at, report.state)
        for report in await read_reports(store)
        if now - report.seen_at <= SHOWN_SECONDS * 1000
    ]
    async with store.read() as connection:
        undelivered = {
            row.receiver: Undelivered(row.waiting, (now - row.oldest) / 1000)
            for row in await connection.execute(text(_UNDELIVERED), {"now": now, "horizon": now + _LONGEST_REST_MS})
        }
        off = {row.receiver: row.off for row in await connection.execute(text(_RECEIVERS_OFF))}
        failed = (await connection.execute(text(_FAILED))).scalar_one()
        timer: Millis | None = (await connection.execute(text(_TIMERS))).scalar()
        stored = await read_offsets(connection, MARKS.name)
        stale = await _stale_baselines(connection, brands, now)
        standing = Standing(
            now=now,
            required=required,
            workers=workers,
            unprocessed_seconds={},
            undelivered=undelivered,
            timers_late_seconds=max(0.0, (now - timer) / 1000) if timer is not None else 0.0,
            receivers_off=off,
            dead_letters=0,
            failed_notifications=failed,
            stale_baselines=stale,
        )
        # Only X speaks all the time: the end of a file is no silence, nor is a brand that was paused to save money.
        silences: list[Silence] = []
        if standing.fact("deaf_seconds") is not None:
            paused = standing.fact("paused_brands") or {}
            silences = await _silences(connection, [b for b in brands if b.id not in paused], now)
    standing = standing._replace(silences=silences)
    try:
        classified = await log.committed(MENTIONS, "classifier")
        return standing._replace(
            unprocessed_seconds={
                "classifier": await _oldest_seconds(log, MENTIONS, classified, now),
                "dispatcher": await _oldest_seconds(log, MARKS, stored, now),
            },
            dead_letters=await letters.count(),
        )
    except UnavailableError as error:
        return standing._replace(log_away=str(error))


async def _stale_baselines(connection: AsyncConnection, brands: Sequence[Brand], now: Millis) -> list[str]:
    """Brands in force whose usual week was learned, but not of late, though there is something to learn."""
    in_force = {brand.id for brand in brands}
    hour = now // 3_600_000
    values = {"oldest": hour - BASELINE_HOURS, "first": (hour - _LEARNABLE_HOURS) * 60}
    unlearned = await connection.execute(text(_UNLEARNED), values)
    return sorted(row.brand for row in unlearned if row.brand in in_force)


async def _silences(connection: AsyncConnection, brands: Sequence[Brand], now: Millis) -> list[Silence]:
    """Brands that are silent when they never are: nothing for so long, though each of the last weeks held many posts
    in that same time of the week."""
    found = []
    for brand in brands:
        for hours in _SILENT_HOURS:
            if await _came(connection, brand.id, now, hours, 0):
                break
            before = [await _came(connection, brand.id, now, hours, week) for week in range(1, EXPECTED_WEEKS + 1)]
            if min(before) >= EXPECTED_POSTS:
                found.append(Silence(brand.id, hours, before))
                break
    return found


async def _came(connection: AsyncConnection, brand: str, now: Millis, hours: int, weeks_ago: int) -> int:
    """The brand's posts of these last hours, or of the same so many weeks ago."""
    end = (now - weeks_ago * round(_WEEK.total_seconds() * 1000)) // 60_000
    counted = await connection.execute(text(_CAME), {"brand": brand, "first": end - 60 * hours, "end": end})
    return int(counted.scalar_one())


async def _oldest_seconds(log: Log, topic: Topic, stand: Mapping[int, int], now: Millis) -> float:
    """How long the first record that a stage has not processed has been on the topic."""
    oldest = now
    there = await log.offsets(topic)
    for partition, (first, end) in there.items():
        begin = max(stand.get(partition, 0), first)
        if begin < end:
            oldest = min(oldest, await _first_timestamp(log, topic, partition, begin, there, now))
    return (now - oldest) / 1000


async def _first_timestamp(
    log: Log, topic: Topic, partition: int, begin: int, there: Mapping[int, tuple[int, int]], now: Millis
) -> Millis:
    start = {p: begin if p == partition else end for p, (_, end) in there.items()}
    async for records in log.read(topic, start):
        for record in records:
            if record.partition == partition:
                return record.timestamp
    return now
