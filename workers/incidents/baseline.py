"""A brand's baseline in the store: learned from its minutes, day by day of event time, so that a restart finds it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.burst import MINUTE_MS, Span
from workers.incidents.model import Millis, burst_key
from workers.incidents.usual import LEARNED_HOURS, Hour, Learned, Usual, learn, usual_of
from workers.store.bulk import Rows
from workers.store.sql import text

_HOUR_MS: Final = 60 * MINUTE_MS
_LONGEST_HOURS: Final = 12 * 7 * 24  # ours: learned anew, older minutes would count next to nothing
_FIRE_HOURS: Final = 24  # ours: a fire that burns for longer is how things are now, and is learned
_BURSTS: Final = 50  # ours: more in twelve weeks, and what they leave to learn from is no less usual

_KEYS = Rows.of(brand="text")
_BURST_KEYS = Rows.of(brand="text", key="text")
_decode: Final = msgspec.json.Decoder(Learned).decode


class Bursts:
    """When it burned for each of these brands; read at the first use, and for all of them.

    No index finds an incident of the past by its key: one look through all of them is enough for every brand.
    """

    def __init__(self, dialect: str, brands: Collection[str]) -> None:
        self._dialect, self._brands = dialect, brands
        self._spans: dict[str, list[Span]] | None = None

    async def of(self, connection: AsyncConnection, brand: str) -> list[Span]:
        """The spans of the brand's latest bursts."""
        if self._spans is None:
            self._spans = await self._read(connection)
        return self._spans.get(brand, [])

    async def _read(self, connection: AsyncConnection) -> dict[str, list[Span]]:
        found = await connection.execute(
            text(
                "SELECT brand, spans FROM (SELECT r.brand, spans, ROW_NUMBER() OVER (PARTITION BY incidents.key "
                f"ORDER BY opened_at DESC) AS place FROM incidents JOIN {_BURST_KEYS.source(self._dialect)} "
                "ON incidents.key = r.key) AS latest WHERE place <= :most"
            ),
            {
                **_BURST_KEYS.bind(self._dialect, [(brand, burst_key(brand)) for brand in sorted(self._brands)]),
                "most": _BURSTS,
            },
        )
        spans: dict[str, list[Span]] = {}
        for row in found:
            spans.setdefault(row.brand, []).extend(msgspec.json.decode(row.spans, type=list[tuple[int, int]]))
        return spans


class Baseline:
    """What is learned of one brand, going on day by day."""

    def __init__(self, brand: str, zone: str, stored: str | None, bursts: Bursts) -> None:
        self.brand, self.zone, self._bursts = brand, zone, bursts
        self.learned = _decode(stored) if stored is not None else None
        self.changed = False
        self._usual = _usual(stored, zone) if stored is not None else None

    def usual(self) -> Usual | None:
        """Its usual week; None while too little of it is known."""
        if self.learned is None or self.learned.until - self.learned.since < LEARNED_HOURS:
            return None
        return self._usual

    def learn(self, hours: Sequence[Hour], until: int, skip: set[int]) -> None:
        """Go on to this hour."""
        if self.learned is None or self.learned.until >= until:
            return
        usual = self._usual or usual_of(self.learned, self.zone)
        self.learned = learn(self.learned, hours, until, skip, usual)
        self._usual, self.changed = usual_of(self.learned, self.zone), True

    async def advance(self, connection: AsyncConnection, minutes: Collection[int], spans: Sequence[Span]) -> "Days":
        """Read what is to be learned before the days of these minutes; `spans`: of the burst that is being fed."""
        days: dict[int, set[int]] = {}
        for minute in minutes:
            days.setdefault(day_begins(minute, self.zone), set()).add(minute)
        last = max(days)
        if self.learned is None:
            first = await connection.execute(
                text("SELECT MIN(minute) FROM minutes WHERE brand = :brand"), {"brand": self.brand}
            )
            since = int(first.scalar_one() or min(minutes)) // 60
            self.learned, self.changed = Learned.nothing(since), True
            self._usual = None
        if self.learned.until >= last:
            return Days(self, days, [], set())
        self.learned.until = max(self.learned.until, last - _LONGEST_HOURS)
        hours = await _hours(connection, self.brand, self.learned.until, last)
        skip = fire_hours([*await self._bursts.of(connection, self.brand), *spans])
        return Days(self, days, hours, skip)


class Days:
    """The days of a batch's complaints, oldest first; before each, what came before it is learned."""

    def __init__(self, baseline: Baseline, days: Mapping[int, set[int]], hours: Sequence[Hour], skip: set[int]) -> None:
        self._baseline, self._hours, self._skip = baseline, hours, skip
        self.days = sorted(days.items())

    def usual(self, day: int, spans: Sequence[Span]) -> Usual | None:
        """The usual week as it is known when this day (its first hour) begins."""
        self._baseline.learn(self._hours, day, self._skip | fire_hours(spans))
        return self._baseline.usual()


async def load(connection: AsyncConnection, dialect: str, zones: Mapping[str, str]) -> dict[str, Baseline]:
    """The baselines of these brands, each with its time zone; what was learned in another zone is learned anew."""
    if not zones:
        return {}
    found = await connection.execute(
        text(f"SELECT baselines.brand, timezone, learned FROM baselines JOIN {_KEYS.source(dialect)} "
             "ON baselines.brand = r.brand"),
        _KEYS.bind(dialect, [(brand,) for brand in sorted(zones)]),
    )  # fmt: skip
    known = {row.brand: row.learned for row in found if row.timezone == zones[row.brand]}
    bursts = Bursts(dialect, zones)
    return {brand: Baseline(brand, zone, known.get(brand), bursts) for brand, zone in zones.items()}


async def save(connection: AsyncConnection, baselines: Collection[Baseline]) -> None:
    """Write what has gone on."""
    for baseline in baselines:
        if baseline.changed and baseline.learned is not None:
            await connection.execute(
                text(
                    "INSERT INTO baselines (brand, timezone, until_hour, learned) VALUES (:brand, :zone, :until, "
                    ":learned) ON CONFLICT (brand) DO UPDATE SET timezone = excluded.timezone, "
                    "until_hour = excluded.until_hour, learned = excluded.learned"
                ),
                {
                    "brand": baseline.brand,
                    "zone": baseline.zone,
                    "until": baseline.learned.until,
                    "learned": msgspec.json.encode(baseline.learned).decode(),
                },
            )
            baseline.changed = False


async def refresh(connection: AsyncConnection, dialect: str, zones: Mapping[str, str], now: Millis) -> int:
    """Learn all that was before today, of the brands whose bursts are `auto` (id -> time zone). For every night.

    The dispatcher does the same when a complaint of a new day comes; here it is done off its way, and for brands of
    which none comes. Returns how many went on.
    """
    lock = "SELECT arrival FROM brands WHERE brand = :brand" + (" FOR UPDATE" if dialect == "postgresql" else "")
    # Whoever stores posts of a brand holds its lock; one without a row nobody has spoken of yet.
    spoken_of = {
        brand: zone
        for brand, zone in sorted(zones.items())
        if (await connection.execute(text(lock), {"brand": brand})).first() is not None
    }
    done = 0
    for baseline in (await load(connection, dialect, spoken_of)).values():
        today = now // MINUTE_MS
        days = await baseline.advance(connection, [today], [])
        days.usual(day_begins(today, baseline.zone), [])
        done += baseline.changed
        await save(connection, [baseline])
    return done


@lru_cache(maxsize=65_536)
def day_begins(minute: int, zone: str) -> int:
    """The hour (since 1970) in which the day of this minute began in that time zone."""
    local = datetime.fromtimestamp(minute * 60, ZoneInfo(zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp()) // 3600


@lru_cache(maxsize=256)
def _usual(stored: str, zone: str) -> Usual:
    return usual_of(_decode(stored), zone)


async def _hours(connection: AsyncConnection, brand: str, first: int, until: int) -> list[Hour]:
    found = await connection.execute(
        text(
            "SELECT minute / 60 AS hour, SUM(LENGTH(authors) / 8) AS voices, "
            "SUM(question + praise + promotion + neutral) AS others FROM minutes "
            "WHERE brand = :brand AND minute >= :first AND minute < :until GROUP BY 1 ORDER BY 1"
        ),
        {"brand": brand, "first": first * 60, "until": until * 60},
    )
    return [Hour(int(row.hour), int(row.voices), int(row.others)) for row in found]


def fire_hours(spans: Sequence[Span]) -> set[int]:
    """The hours in which it burned, of each fire its first day."""
    return {
        hour
        for first, last in spans
        for hour in range(first // _HOUR_MS, min(last // _HOUR_MS, first // _HOUR_MS + _FIRE_HOURS) + 1)
    }
