"""Incidents in the store: read under their row locks, written back with what was decided, all in bulk."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from workers.incidents.model import Decision, Incident, Millis, Scheduled, Told, as_row
from workers.store.bulk import Rows

# Crockford's base 32 without letters that are mistaken for digits: ids that can be read out over a telephone.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LENGTH: Final = 10  # 50 bits: ten million incidents collide with a chance of 1 in 20

_IDS = Rows.of(id="text")
_INCIDENTS = Rows.of(
    id="text", key="text", scope="text", brand="text", desk="text", kind="text", severity="integer",
    influence="integer", status="text", opened_at="bigint", updated_at="bigint", last_post_at="bigint",
    event_at="bigint", resolved_at="bigint", acknowledged_until="bigint", acknowledged_by="text", assignee="text",
    post_count="integer", author_count="integer", langs="text", reasons="text", merged_into="text", spans="text",
    sample="boolean", due_at="bigint",
)  # fmt: skip
_EVENTS = Rows.of(incident="text", at="bigint", event="text", actor="text", reason="text")
_OUTBOX = Rows.of(
    id="text",
    incident="text",
    receiver="text",
    reason="text",
    why="text",
    weight="integer",
    now="bigint",
    due="bigint",
    trace="text",
)
_CANCELS = Rows.of(incident="text", receiver="text", now="bigint", detail="text")
_KEPT: Final = {"id", "key", "scope", "brand", "desk", "opened_at"}  # never change once an incident is there


class _Reasons(msgspec.Struct):
    reasons: list[str]


_strings = msgspec.json.Decoder(list[str])
_reasons = msgspec.json.Decoder(_Reasons)
_spans = msgspec.json.Decoder(list[tuple[int, int]])


def new_id() -> str:
    """An incident's id, or a notification's: opaque, short, unguessable enough not to be typed by mistake."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def new_idempotency_key() -> str:
    """32 hex digits (the contract allows 64 ASCII characters)."""
    return secrets.token_hex(16)


def reasons_of(body: str) -> list[str]:
    """The classifier's reasons in a stored post's body."""
    return _reasons.decode(body).reasons


async def lock_latest(connection: AsyncConnection, dialect: str, keys: Collection[str]) -> dict[str, Incident]:
    """The latest incident of each key, locked in the order of keys, by key."""
    found = await _select(connection, dialect, "key", "incidents.latest AND", keys)
    return {incident.key: incident for incident in found}


async def lock(connection: AsyncConnection, dialect: str, ids: Collection[str]) -> dict[str, Incident]:
    """These incidents, locked in the order of keys, by id; one that is not there is left out."""
    return {incident.id: incident for incident in await _select(connection, dialect, "id", "", ids)}


async def lock_mergeable(
    connection: AsyncConnection, dialect: str, burst: Incident, skip: Collection[str]
) -> list[Incident]:
    """The brand's unacknowledged one-post complaints at the care desk within the burst's spans, locked."""
    if not burst.spans:
        return []
    found = await connection.execute(
        text(
            "SELECT id FROM incidents WHERE brand = :brand AND status = 'firing' AND scope = 'root' AND desk = 'care' "
            "AND kind = 'complaint' AND post_count = 1 AND event_at BETWEEN :first AND :last"
        ),
        {"brand": burst.brand, "first": burst.spans[0][0], "last": burst.spans[-1][1]},
    )
    ids = [row.id for row in found if row.id not in skip]
    return list((await lock(connection, dialect, ids)).values())


async def _select(
    connection: AsyncConnection, dialect: str, column: str, condition: str, values: Collection[str]
) -> list[Incident]:
    if not values:
        return []
    wanted = [(value,) for value in sorted(values)]
    found = await connection.execute(
        text(
            f"SELECT incidents.* FROM incidents WHERE {condition} incidents.{column} IN "
            f"(SELECT r.id FROM {_IDS.source(dialect)}) ORDER BY incidents.key, incidents.id{_for_update(dialect)}"
        ),
        _IDS.bind(dialect, wanted),
    )
    incidents = [_from_row(row) for row in found]
    await _add_told(connection, dialect, {incident.id: incident for incident in incidents})
    return incidents


def _for_update(dialect: str) -> str:
    return " FOR UPDATE" if dialect == "postgresql" else ""  # SQLite: `BEGIN IMMEDIATE` has locked it all


def _from_row(row: Row[Any]) -> Incident:
    values = dict(row._mapping)
    del values["latest"]
    values["langs"], values["reasons"] = _strings.decode(values["langs"]), _strings.decode(values["reasons"])
    values["spans"], values["sample"] = _spans.decode(values["spans"]), bool(values["sample"])
    return Incident(**values, told={}, scheduled={}, frozen={})


async def _add_told(connection: AsyncConnection, dialect: str, incidents: Mapping[str, Incident]) -> None:
    if not incidents:
        return
    ids = _IDS.bind(dialect, [(i,) for i in incidents])
    among = f"IN (SELECT r.id FROM {_IDS.source(dialect)})"
    for row in await connection.execute(text(f"SELECT * FROM told WHERE incident {among}"), ids):
        incidents[row.incident].told[row.receiver] = Told(row.told_at, row.arrival, row.severity)
    pending = (
        "SELECT incident, receiver, reason, due_at, state FROM outbox "
        f"WHERE state IN ('scheduled', 'frozen') AND incident {among}"
    )
    for row in await connection.execute(text(pending), ids):
        if row.state == "frozen":
            incidents[row.incident].frozen[row.receiver] = row.reason
        else:
            incidents[row.incident].scheduled[row.receiver] = Scheduled(row.reason, row.due_at)


async def add_usernames(connection: AsyncConnection, dialect: str, incidents: Mapping[str, Incident]) -> None:
    """For policies that match on author: who wrote in these incidents, as ids and lower-case names."""
    if not incidents:
        return
    found = await connection.execute(
        text(
            "SELECT incident, author, username FROM incident_authors "
            f"WHERE incident IN (SELECT r.id FROM {_IDS.source(dialect)})"
        ),
        _IDS.bind(dialect, [(i,) for i in incidents]),
    )
    for row in found:
        names = {row.author, row.username} - {None, ""}
        incidents[row.incident].usernames |= names


async def save(
    connection: AsyncConnection, dialect: str, decided: Sequence[tuple[Incident, Decision]], now: Millis
) -> None:
    """Write the incidents back with their timeline, and schedule or cancel what was decided."""
    if not decided:
        return
    rows = [tuple(as_row(incident).values()) for incident, _ in decided]
    new = [tuple(as_row(incident).values()) for incident, _ in decided if incident.is_new]
    if new:
        # What stood under this key before is no longer the latest: it was over for too long to open again.
        await connection.execute(
            text(
                f"UPDATE incidents SET latest = false FROM {_INCIDENTS.source(dialect)} "
                "WHERE incidents.latest AND incidents.key = r.key AND incidents.id <> r.id"
            ),
            _INCIDENTS.bind(dialect, new),
        )
    changed = ", ".join(f"{name} = excluded.{name}" for name, _ in _INCIDENTS.columns if name not in _KEPT)
    await connection.execute(
        text(
            f"INSERT INTO incidents ({_INCIDENTS.names}, latest) SELECT {_INCIDENTS.names}, true "
            f"FROM {_INCIDENTS.source(dialect)} WHERE true ON CONFLICT (id) DO UPDATE SET {changed}"
        ),
        _INCIDENTS.bind(dialect, rows),
    )
    await save_decisions(connection, dialect, decided, now)


async def save_decisions(
    connection: AsyncConnection, dialect: str, decided: Sequence[tuple[Incident, Decision]], now: Millis
) -> None:
    """Write the timeline and schedule or cancel what was decided, where the incidents themselves did not change."""
    await write_events(
        connection,
        dialect,
        [(i.id, now, e.event, e.actor, e.reason) for i, decision in decided for e in decision.events],
    )
    await _cancel(
        connection, dialect, "scheduled", [(i.id, r, now, why) for i, d in decided for r, why in d.cancel.items()]
    )
    await _cancel(
        connection, dialect, "frozen", [(i.id, r, now, why) for i, d in decided for r, why in d.withdraw.items()]
    )
    await _schedule(connection, dialect, decided, now)


async def write_events(connection: AsyncConnection, dialect: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Lines of timelines: incident, time, event, actor, reason."""
    if rows:
        await connection.execute(
            text(f"INSERT INTO events ({_EVENTS.names}) SELECT {_EVENTS.names} FROM {_EVENTS.source(dialect)}"),
            _EVENTS.bind(dialect, rows),
        )


async def _schedule(
    connection: AsyncConnection, dialect: str, decided: Iterable[tuple[Incident, Decision]], now: Millis
) -> None:
    rows = [
        (new_idempotency_key(), i.id, n.receiver, n.reason, n.why, i.severity, now, n.due_at, decision.trace)
        for i, decision in decided
        for n in decision.notify
    ]
    if rows:
        await connection.execute(
            text(
                "INSERT INTO outbox (id, incident, receiver, reason, why, state, weight, created_at, first_due_at, "
                "due_at, attempts, trace) SELECT r.id, r.incident, r.receiver, r.reason, r.why, 'scheduled', r.weight, "
                f"r.now, r.due, r.due, 0, r.trace FROM {_OUTBOX.source(dialect)} WHERE true "
                "ON CONFLICT (incident, receiver) WHERE state = 'scheduled' DO UPDATE SET reason = excluded.reason, "
                "why = excluded.why, weight = excluded.weight, first_due_at = excluded.first_due_at, "
                "due_at = excluded.due_at, trace = COALESCE(outbox.trace, excluded.trace)"
            ),
            _OUTBOX.bind(dialect, rows),
        )


async def _cancel(connection: AsyncConnection, dialect: str, state: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        await connection.execute(
            text(
                f"UPDATE outbox SET state = 'cancelled', finished_at = r.now, detail = r.detail, body = NULL "
                f"FROM {_CANCELS.source(dialect)} WHERE outbox.incident = r.incident AND outbox.receiver = r.receiver "
                "AND outbox.state = :state"
            ),
            {**_CANCELS.bind(dialect, rows), "state": state},
        )
