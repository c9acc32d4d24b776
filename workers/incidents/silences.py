"""Silences: what people keep from being told for a while, and which incidents that covers. Nothing of it is lost."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from schemas.errors import ConfigurationError
from workers.incidents import mutes, records
from workers.incidents.decide import milliseconds
from workers.incidents.model import Millis
from workers.incidents.mutes import Mute, Muted
from workers.store.bulk import Rows
from workers.store.sql import text

_CHUNK: Final = 1000  # ours: incidents whose posts are looked through at once
_IDS = Rows.of(id="text")
_COLUMNS: Final = "id, brand, incident, author, phrase, actor, reason, created_at, ends_at, ended_at"


class Covers(NamedTuple):
    """What a silence covers: each part that is given must hold. `author`: a user name or id. `phrase`: in the text."""

    brand: str | None = None
    incident: str | None = None
    author: str | None = None
    phrase: str | None = None


class Silence(NamedTuple):
    """A silence as it is stored. `ended_at`: when it was over, by hand or by time."""

    id: str
    covers: Covers
    by: str
    reason: str
    created_at: Millis
    ends_at: Millis
    ended_at: Millis | None = None

    @property
    def source(self) -> str:
        """How an incident names it as what mutes it."""
        return f"silence:{self.id}"

    def as_mute(self) -> Mute:
        """What it does to an incident that it covers."""
        return Mute(self.source, self.by, self.ends_at, self.reason or "no reason given")


class _Text(msgspec.Struct):
    text: str


class _Body(msgspec.Struct):
    mention: _Text


_bodies = msgspec.json.Decoder(_Body)


def folded(phrase: str) -> str:
    """A text for comparison: upper and lower case, full and half width are the same."""
    return unicodedata.normalize("NFKC", phrase).casefold()


async def add(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    covers: Covers,
    *,
    by: str,
    reason: str,
    now: Millis,
    duration: timedelta,
) -> Silence:
    """Begin a silence: the open incidents that it covers are muted at once, later ones when they are to be told.

    Raises ConfigurationError where it covers nothing that can be.
    """
    covers = await _checked(connection, covers)
    silence = Silence(records.new_id(), covers, by, reason, now, now + milliseconds(duration))
    values = {**covers._asdict(), "id": silence.id, "actor": by, "reason": reason, "now": now, "end": silence.ends_at}
    await connection.execute(
        text(
            "INSERT INTO silences (id, brand, incident, author, phrase, actor, reason, created_at, ends_at) "
            "VALUES (:id, :brand, :incident, :author, :phrase, :actor, :reason, :now, :end)"
        ),
        values,
    )
    for candidates in _chunks(await _open_ones(connection, covers)):
        found = await covered(connection, dialect, [silence], candidates)
        await mutes.mute(connection, dialect, policy, dict.fromkeys(found, silence.as_mute()), now)
    return silence


async def expire(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    ids: Collection[str],
    *,
    by: str,
    reason: str,
    now: Millis,
) -> list[Silence]:
    """End silences now: what is still open of what they muted is told. Raises ConfigurationError for one that is not
    there or over already."""
    there = {silence.id: silence for silence in await listed(connection, everything=True)}
    faults = [f"{i}: no such silence; see `hikeshi silence list --all`" for i in ids if i not in there]
    faults += [f"{i}: is over already" for i in ids if i in there and not _is_active(there[i], now)]
    if faults:
        raise ConfigurationError("\n".join(faults))
    for identity in ids:
        await connection.execute(
            text("UPDATE silences SET ended_at = :now WHERE id = :id"), {"now": now, "id": identity}
        )
        why = f"the silence was ended{f': {reason}' if reason else ''}"
        await mutes.release_all(connection, dialect, policy, there[identity].source, now, why, actor=by)
    return [there[identity]._replace(ended_at=now) for identity in ids]


async def listed(connection: AsyncConnection, *, everything: bool = False, now: Millis = 0) -> list[Silence]:
    """Those that hold now, or all there were, oldest first."""
    condition = "" if everything else "WHERE ended_at IS NULL AND ends_at > :now"
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM silences {condition} ORDER BY created_at, id"), {} if everything else {"now": now}
    )
    return [_from_row(row) for row in found]


async def covered(
    connection: AsyncConnection, dialect: str, silences: Sequence[Silence], incidents: Iterable[Muted]
) -> dict[str, Silence]:
    """Which of these incidents one of these silences covers; where several do, the one that ends last.

    One by author or phrase covers an incident as long as all its posts are by that author or hold that phrase: what
    others say in it must still be told. It never covers a burst, which is many people's.
    """
    found: dict[str, Silence] = {}
    for silence in sorted(silences, key=lambda s: s.ends_at):
        want = silence.covers
        near = [
            i.id
            for i in incidents
            if (want.brand is None or want.brand == i.brand)
            and (want.incident is None or want.incident == i.id)
            and ((want.author is None and want.phrase is None) or i.scope == "root")
        ]
        if want.author is not None:
            near = await _only_by(connection, dialect, near, want.author)
        if want.phrase is not None:
            near = await _only_with(connection, dialect, near, want.phrase)
        found |= dict.fromkeys(near, silence)
    return found


async def _only_by(connection: AsyncConnection, dialect: str, incidents: list[str], author: str) -> list[str]:
    if not incidents:
        return []
    found = await connection.execute(
        text(
            "SELECT incident FROM incident_authors "
            f"WHERE incident IN (SELECT r.id FROM {_IDS.source(dialect)}) GROUP BY incident "
            "HAVING SUM(CASE WHEN author = :author OR username = :author THEN 0 ELSE 1 END) = 0"
        ),
        {"author": author, **_IDS.bind(dialect, [(i,) for i in incidents])},
    )
    return list(found.scalars())


async def _only_with(connection: AsyncConnection, dialect: str, incidents: list[str], phrase: str) -> list[str]:
    if not incidents:
        return []
    found = await connection.stream(
        text(f"SELECT incident, body FROM posts WHERE incident IN (SELECT r.id FROM {_IDS.source(dialect)})"),
        _IDS.bind(dialect, [(i,) for i in incidents]),
    )
    holds: dict[str, bool] = defaultdict(lambda: True)
    async for row in found:
        if holds[row.incident]:
            holds[row.incident] = phrase in folded(_bodies.decode(row.body).mention.text)
    return [incident for incident, all_hold in holds.items() if all_hold]


async def _checked(connection: AsyncConnection, covers: Covers) -> Covers:
    if covers == Covers():
        raise ConfigurationError(
            "a silence needs to cover something: --brand, --incident, --author or --phrase; all that is given must hold"
        )
    if covers.incident is not None:
        found = await connection.execute(
            text("SELECT status, merged_into FROM incidents WHERE id = :id"), {"id": covers.incident}
        )
        row = found.first()
        if row is None:
            raise ConfigurationError(f"{covers.incident}: no such incident; see `hikeshi incidents list`")
        if row.status == "merged":
            raise ConfigurationError(f"{covers.incident}: merged into {row.merged_into}; take that one instead")
    author = covers.author.strip().removeprefix("@").lower() if covers.author is not None else None
    phrase = folded(covers.phrase).strip() if covers.phrase is not None else None
    for name, value in (("--author", author), ("--phrase", phrase)):
        if value == "":
            raise ConfigurationError(f"{name}: is empty, and would cover everything; use --brand for that")
    return covers._replace(author=author, phrase=phrase)


async def _open_ones(connection: AsyncConnection, covers: Covers) -> list[Muted]:
    condition, values = "status IN ('firing', 'acknowledged')", {}
    for name, column in (("brand", "brand"), ("incident", "id")):
        if (value := getattr(covers, name)) is not None:
            condition += f" AND {column} = :{name}"
            values[name] = value
    found = await connection.execute(
        text(f"SELECT id, brand, scope FROM incidents WHERE {condition} ORDER BY key"), values
    )
    return [Muted(row.id, row.brand, row.scope) for row in found]


def _is_active(silence: Silence, now: Millis) -> bool:
    return silence.ended_at is None and silence.ends_at > now


def _from_row(row: Row[tuple[object, ...]]) -> Silence:
    values = row._mapping
    covers = Covers(values["brand"], values["incident"], values["author"], values["phrase"])
    return Silence(
        values["id"], covers, values["actor"], values["reason"], values["created_at"], values["ends_at"],
        values["ended_at"],
    )  # fmt: skip


def _chunks(incidents: list[Muted]) -> Iterable[list[Muted]]:
    for first in range(0, len(incidents), _CHUNK):
        yield incidents[first : first + _CHUNK]
