"""When which posts are looked up: sweeps over bands of age, oldest first, each band as often as it is worth. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from config.steward import StewardSettings
from schemas.mention import SNOWFLAKE_EPOCH_MS, SNOWFLAKE_TIME_SHIFT
from workers.incidents.decide import milliseconds
from workers.incidents.model import Millis

# X's: a post can be edited for 30 minutes. Ours: after an hour the look that finds an edit finds the last one, and X
# surely shows what it is going to show.
_SETTLED: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_NOTHING: Final = timedelta(minutes=10)  # ours: how soon it is tried again where there was nothing to look at


class Band(NamedTuple):
    """Posts of an age, from `younger` up to `older` (None: any), and how often all of them are looked at."""

    name: str
    younger: timedelta
    older: timedelta | None
    every: timedelta


class Sweep(msgspec.Struct, kw_only=True):
    """How far a sweep over a band has come: the posts of which brand after which id are next. Kept in the store."""

    started_at: Millis = 0
    lowest: str = ""
    """The first id of its range, and the one that ends it: a sweep's range stays as it was when it began."""
    highest: str = ""
    brand: str = ""
    after: str = ""
    found: bool = False
    """Whether there was any post."""
    done: bool = True


def bands(settings: StewardSettings) -> list[Band]:
    """The youngest first: their posts cost nothing on the day they came, and are the ones that people read."""
    return [
        Band("first_day", _SETTLED, _DAY, settings.first_day_every),
        Band("first_week", _DAY, _WEEK, settings.first_week_every),
        Band("later", _WEEK, None, settings.later_every),
    ]


def begun(band: Band, sweep: Sweep, now: Millis) -> Sweep:
    """The sweep that is to go on: the same one, or a new one where its time has come; a done one rests."""
    rest = band.every if sweep.found else min(band.every, _NOTHING)
    # One that began in the future did so before the clock was put right.
    if not sweep.done or 0 <= now - sweep.started_at < milliseconds(rest):
        return sweep
    oldest = "" if band.older is None else first_id(now - milliseconds(band.older))
    return Sweep(
        started_at=now,
        lowest=oldest,
        highest=first_id(now - milliseconds(band.younger)),
        after=oldest,
        done=False,
    )


def moved_on(sweep: Sweep, brands: Sequence[str], page: Sequence[str], full: int) -> Sweep:
    """The sweep after a page of the brand it was at: within the brand, at the next one, or done."""
    if page:
        sweep = msgspec.structs.replace(sweep, found=True)
    if len(page) >= full:
        return msgspec.structs.replace(sweep, after=page[-1])
    following = [brand for brand in sorted(brands) if brand > sweep.brand]
    if following:
        return msgspec.structs.replace(sweep, brand=following[0], after=sweep.lowest)
    return msgspec.structs.replace(sweep, done=True)


def first_id(moment: Millis) -> str:
    """The least id that X can have given at this time: ids of posts grow with it."""
    return str(max(0, moment - SNOWFLAKE_EPOCH_MS) << SNOWFLAKE_TIME_SHIFT)
