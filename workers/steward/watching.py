"""The task of watching spread: X's public counts of open incidents' roots and of bursts' loudest posts, in time."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from config.steward import StewardSettings, spread_steps
from workers.incidents.change import to_millis
from workers.incidents.model import Millis
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.steward.answer import Answer
from workers.steward.growth import Watched, counts_of, due_first, look_due
from workers.steward.held import FROM_X, which_held
from workers.steward.lookups import PAGE, Lookups
from workers.steward.removal import Removals
from workers.store.bulk import Rows
from workers.store.membership import belonging_to
from workers.store.store import Store

_log = get_logger(__name__)

# Ours.
_REST_SECONDS: Final = 30.0  # how soon a new incident is noticed; its first look is minutes away
_BROKE_MS: Final = 600_000
_MOST_INCIDENTS: Final = 5_000  # the gravest and newest
_IDS: Final = Rows.of(id="text")
_LOOKS: Final = Rows.of(post="text", at="bigint", retweets="bigint", quotes="bigint", replies="bigint", likes="bigint")

_OPEN: Final = (
    "SELECT id, key, scope, brand, severity, opened_at, spans FROM incidents "
    "WHERE status IN ('firing', 'acknowledged') AND NOT sample ORDER BY severity DESC, opened_at DESC LIMIT :most"
)


class Watching:
    """Looks up what is due, the gravest first, and keeps what X counts."""

    name = "watching"

    def __init__(
        self, store: Store, clock: Clock, settings: StewardSettings, lookups: Lookups, removals: Removals
    ) -> None:
        self._store, self._clock, self._lookups, self._removals = store, clock, lookups, removals
        self._steps = spread_steps(settings.spread)
        self._loudest = settings.spread_posts
        self._asked: dict[str, Millis] = {}
        """When each was asked for, in vain perhaps: X shows it no more, it isn't X's, there was no money."""
        self._broke_until: Millis = 0
        self.looks = 0
        """Looks kept since the start."""

    async def turn(self) -> float:
        """One request at most. Returns the seconds until there may be something to do again."""
        now = self._now()
        async with self._store.read() as connection:
            watched = self._with_asked(await _watched(connection, self._store.dialect, self._loudest))
            due = due_first(watched, self._steps, now)[:PAGE]
            # Asked of those alone that are due: it takes a look at a post's body.
            of_x = await _from_x(connection, self._store.dialect, due)
        if not due:
            return self._rest(watched, now)
        self._asked |= {one.post: now for one in due if one not in of_x}
        if not of_x:
            return 0.0
        looked = await self._lookups.ask([one.post for one in of_x], only_free=now < self._broke_until)
        if looked.wait_seconds > 0:
            return looked.wait_seconds
        if looked.broke:  # from here on what costs nothing, until there may be money again
            self._broke_until = now + _BROKE_MS
        # What there is no money for misses this look: the next one is due in its time.
        self._asked |= {one.post: now for one in of_x[: looked.covered]}
        if looked.answer is not None:
            await self._keep(looked.answer, now)
        return 0.0

    def _with_asked(self, watched: Sequence[Watched]) -> list[Watched]:
        """As if what was asked for in vain had been looked at: it waits for its next time too."""
        self._asked = {one.post: self._asked[one.post] for one in watched if one.post in self._asked}
        return [
            one._replace(last=max(one.last or 0, asked), looks=max(1, one.looks))
            if (asked := self._asked.get(one.post)) is not None
            else one
            for one in watched
        ]

    def _rest(self, watched: Sequence[Watched], now: Millis) -> float:
        later = [at for one in watched if (at := look_due(one, self._steps)) > now]
        return min([_REST_SECONDS, *((at - now) / 1000 for at in later)])

    async def _keep(self, answer: Answer, now: Millis) -> None:
        counted = {post_id: counts for post_id, post in answer.there.items() if (counts := counts_of(post))}
        rows = [(post_id, now, *counts) for post_id, counts in sorted(counted.items())]
        async with self._store.write() as connection:
            await connection.execute(
                text(
                    f"INSERT INTO spread_looks ({_LOOKS.names}) SELECT {_LOOKS.names} "
                    f"FROM {_LOOKS.source(self._store.dialect)} WHERE true ON CONFLICT DO NOTHING"
                ),
                _LOOKS.bind(self._store.dialect, rows),
            )
            held = await which_held(connection, self._store.dialect, answer.gone)
        self._removals.suspect({post_id: why for post_id, why in answer.gone.items() if post_id in held})
        self.looks += len(rows)
        _log.info("spread_looked_up", looks=len(rows), gone=len(answer.gone))

    def _now(self) -> Millis:
        return to_millis(self._clock.now())


async def _watched(connection: AsyncConnection, dialect: str, loudest: int) -> list[Watched]:
    """The posts that open incidents want to know of, with how often each was looked at since its incident opened."""
    found: list[tuple[str, Row[Any]]] = []
    for row in await connection.execute(text(_OPEN), {"most": _MOST_INCIDENTS}):
        if row.scope == "root":
            root = row.key.split("/", 2)[2]
            if _is_post_of_x(root):
                found.append((root, row))
        else:
            found += [(post_id, row) for post_id in await _loudest_of(connection, dialect, row, loudest)]
    rows = await connection.execute(
        text(f"SELECT post, at FROM spread_looks WHERE post IN (SELECT r.id FROM {_IDS.source(dialect)}) ORDER BY at"),
        _IDS.bind(dialect, [(post_id,) for post_id in sorted({post_id for post_id, _ in found})]),
    )
    looks: dict[str, list[Millis]] = {}
    for row in rows:
        looks.setdefault(row.post, []).append(row.at)
    watched = []
    for post_id, incident in found:
        since = [at for at in looks.get(post_id, []) if at >= incident.opened_at]
        watched.append(
            Watched(
                post_id, incident.id, incident.severity, incident.opened_at, len(since), since[-1] if since else None
            )
        )
    return watched


async def _loudest_of(connection: AsyncConnection, dialect: str, burst: Row[Any], most: int) -> list[str]:
    spans = msgspec.json.decode(burst.spans, type=list[tuple[int, int]])
    if not spans:
        return []
    condition, values = belonging_to(dialect, burst.scope, burst.id, burst.brand, spans)
    rows = await connection.execute(
        text(
            f"SELECT posts.id FROM posts WHERE {condition} AND {FROM_X} "
            "ORDER BY posts.influence DESC, posts.severity DESC, posts.created_at LIMIT :most"
        ),
        {**values, "most": most},
    )
    return list(rows.scalars())


async def _from_x(connection: AsyncConnection, dialect: str, due: Sequence[Watched]) -> list[Watched]:
    """Those whose incident holds a post that came from X: the roots of replayed files are none of X's business."""
    rows = await connection.execute(
        text(
            f"SELECT r.id FROM {_IDS.source(dialect)} WHERE EXISTS "
            f"(SELECT 1 FROM posts WHERE posts.incident = r.id AND {FROM_X}) OR EXISTS "
            "(SELECT 1 FROM incidents WHERE incidents.id = r.id AND incidents.scope = 'burst')"
        ),
        _IDS.bind(dialect, [(incident,) for incident in sorted({one.incident for one in due})]),
    )
    known = set(rows.scalars())
    return [one for one in due if one.incident in known]


def _is_post_of_x(post_id: str) -> bool:
    return post_id.isascii() and post_id.isdigit() and len(post_id) <= 19  # X's: an id in a look-up
