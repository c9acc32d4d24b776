"""How many posts an incident may get in the next hour: an interval, from how they came lately. It pages nobody.

From one to ten: nine of ten times it is at least `low`, nine of ten times at most `high`.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.model import Millis
from workers.store.sql import text

# All ours, checked on simulated fires (tests/workers/incidents/test_forecast.py).
_LOOK_MS: Final = 3 * 3_600_000  # an incident without a post for so long is expected to get none
_MEMORY_MINUTES: Final = 30.0  # a post weighs a third of a fresh one after so long
_LEAST_MINUTES: Final = 10.0  # so much is looked at, at least: two posts in a second are no rate
_TURN: Final = 0.2  # how much fires swell and die down within an hour: the variance of that, as a share of its square
_LASTS: Final = 0.8  # of the rate just now, over the next hour: fires die down more often than they grow
_Z: Final = 1.2816  # the normal distribution's tenth and ninetieth percentiles


class Forecast(NamedTuple):
    """Posts in the next hour: the tenth and the ninetieth percentile."""

    low: int
    high: int


NOTHING: Final = Forecast(0, 0)


def forecast(posts: Iterable[tuple[Millis, int]], now: Millis) -> Forecast:
    """From when posts came (and how many at once), the last three hours of them. Always finite, never below 0."""
    ages = [((now - at) / 60_000, count) for at, count in posts if 0 <= now - at <= _LOOK_MS]
    if not ages:
        return NOTHING
    weight = sum(count * math.exp(-age / _MEMORY_MINUTES) for age, count in ages)
    looked_at = max(_LEAST_MINUTES, max(age for age, _ in ages))
    minutes = _MEMORY_MINUTES * (1 - math.exp(-looked_at / _MEMORY_MINUTES))
    mean = (weight + 0.1) / minutes * 60 * _LASTS
    size = 1 / (1 / mean + 1 / (weight + 0.5) + _TURN)
    return Forecast(math.floor(_percentile(mean, size, -_Z)), math.ceil(_percentile(mean, size, _Z)))


def _percentile(mean: float, size: float, z: float) -> float:
    """Of a gamma distribution with this mean and shape (Wilson and Hilferty's approximation)."""
    return mean * max(0.0, 1 - 1 / (9 * size) + z * math.sqrt(1 / (9 * size))) ** 3


async def forecasts(connection: AsyncConnection, now: Millis) -> dict[str, Forecast]:
    """Of each open incident that got a post within three hours, by id; the others are expected to get none."""
    since = now - _LOOK_MS
    of_roots = await connection.execute(
        text(
            "SELECT posts.incident AS id, posts.created_at AS at, 1 AS posts FROM incidents "
            "JOIN posts ON posts.incident = incidents.id AND posts.created_at >= :since "
            "WHERE incidents.status IN ('firing', 'acknowledged') AND incidents.scope = 'root' "
            "AND incidents.last_post_at >= :since"
        ),
        {"since": since},
    )
    of_bursts = await connection.execute(
        text(
            "SELECT incidents.id, minutes.minute * 60000 AS at, minutes.complaint AS posts FROM incidents "
            "JOIN minutes ON minutes.brand = incidents.brand AND minutes.minute >= :minute AND minutes.complaint > 0 "
            "WHERE incidents.status IN ('firing', 'acknowledged') AND incidents.scope = 'burst' "
            "AND incidents.last_post_at >= :since"
        ),
        {"since": since, "minute": since // 60_000},
    )
    came: dict[str, list[tuple[Millis, int]]] = {}
    for row in [*of_roots, *of_bursts]:
        came.setdefault(row.id, []).append((row.at, row.posts))
    return {incident: forecast(posts, now) for incident, posts in came.items()}
