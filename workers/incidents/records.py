"""Incidents in the store: read under their row locks, written back with what was decided, all in bulk."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.incidents import pending
from workers.incidents.burst import Span
from workers.incidents.model import Decision, Escalating, Incident, Millis, Scheduled, Told, as_row
from workers.incidents.routing import asks_for_authors
from workers.store.bulk import Rows
from workers.store.sql import text

# Crockford's base 32 without letters that are mistaken for digits: ids that can be read out over a telephone.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LENGTH: Final = 10  # 50 bits: ten million incidents collide with a chance of 1 in 20

_IDS = Rows.of(id="text")
_SPANS = Rows.of(first="bigint", last="bigint")
_INCIDENTS = Rows.of(
    id="text", key="text", scope="text", brand="text", desk="text", kind="text", severity="integer",
    influence="integer", status="text", opened_at="bigint", updated_at="bigint", last_post_at="bigint",
    event_at="bigint", resolved_at="bigint", acknowledged_until="bigint", acknowledged_by="text", assignee="text",
    post_count="integer", author_count="integer", langs="text", reasons="text", merged_into="text", spans="text",
    sample="boolean", due_at="bigint", escalation="text", muted_by="text", muted_until="bigint", mute="text",
)  # fmt: skip
_KEPT: Final = {"id", "key", "scope", "brand", "desk", "opened_at"}  # never change once an incident is there


class _Reasons(msgspec.Struct):
    reasons: list[str]


_strings = msgspec.json.Decoder(list[str])
_reasons = msgspec.json.Decoder(_Reasons)
_spans = msgspec.json.Decoder(list[tuple[int, int]])
_escalation = msgspec.json.Decoder(Escalating)


def new_id() -> str:
    """An incident's id, or a notification's: opaque, short, unguessable enough not to be typed by mistake."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def reasons_of(body: str) -> list[str]:
    """The classifier's reasons in a stored post's body."""
    return _reasons.decode(body).reasons


async def lock_latest(
    connection: AsyncConnection, dialect: str, keys: Collection[str], policy: Policy | None = None
) -> dict[str, Incident]:
    """The latest incident of each key, locked in the order of keys, by key."""
    found = await _select(connection, dialect, "key", "incidents.latest AND", keys, policy)
    return {incident.key: incident for incident in found}


async def lock(
    connection: AsyncConnection, dialect: str, ids: Collection[str], policy: Policy | None = None
) -> dict[str, Incident]:
    """These incidents, locked in the order of keys, by id; one that is not there is left out.

    Give the policy wherever the incident may be routed: routes that match on author need to know who wrote in it.
    """
    return {incident.id: incident for incident in await _select(connection, dialect, "id", "", ids, policy)}


async def lock_both(
    connection: AsyncConnection, dialect: str, keys: Collection[str], ids: Collection[str], policy: Policy | None = None
) -> tuple[dict[str, Incident], dict[str, Incident]]:
    """The latest incident of each key, by key; these with the others of `ids`, by id. All are locked in the order of
    keys. Lock their brands first: then a key's latest stays so between the two statements."""
    if not ids:
        latest = await lock_latest(connection, dialect, keys, policy)
        return latest, {incident.id: incident for incident in latest.values()}
    found = await connection.execute(
        text(
            "SELECT incidents.key, incidents.id FROM incidents WHERE incidents.latest AND incidents.key IN "
            f"(SELECT r.id FROM {_IDS.source(dialect)})"
        ),
        _IDS.bind(dialect, [(key,) for key in sorted(keys)]),
    )
    newest = {row.key: row.id for row in found}
    by_id = await lock(connection, dialect, {*newest.values(), *ids}, policy)
    return {key: by_id[one] for key, one in newest.items() if one in by_id}, by_id


async def lock_mergeable(
    connection: AsyncConnection, dialect: str, brand: str, spans: Sequence[Span], skip: Collection[str]
) -> list[Incident]:
    """The brand's unacknowledged one-post complaints at the care desk whose post lies in these spans, locked."""
    if not spans:
        return []
    found = await connection.execute(
        text(
            f"SELECT incidents.id FROM {_SPANS.source(dialect)} JOIN incidents ON incidents.brand = :brand "
            "AND incidents.event_at BETWEEN r.first AND r.last WHERE incidents.status = 'firing' "
            "AND incidents.scope = 'root' AND incidents.desk = 'care' AND incidents.kind = 'complaint' "
            "AND incidents.post_count = 1"
        ),
        {"brand": brand, **_SPANS.bind(dialect, spans)},
    )
    ids = {row.id for row in found} - set(skip)
    return list((await lock(connection, dialect, ids)).values())


async def _select(
    connection: AsyncConnection,
    dialect: str,
    column: str,
    condition: str,
    values: Collection[str],
    policy: Policy | None,
) -> list[Incident]:
    if not values:
        return []
    wanted = [(value,) for value in sorted(values)]
    # The columns by name: a newer release, running beside this one, may have added some.
    columns = ", ".join(f"incidents.{name}" for name, _ in _INCIDENTS.columns)
    found = await connection.execute(
        text(
            f"SELECT {columns} FROM incidents WHERE {condition} incidents.{column} IN "
            f"(SELECT r.id FROM {_IDS.source(dialect)}) ORDER BY incidents.key, incidents.id{_for_update(dialect)}"
        ),
        _IDS.bind(dialect, wanted),
    )
    incidents = {row.id: _from_row(row) for row in found}
    await _add_told(connection, dialect, incidents)
    if policy is not None and asks_for_authors(policy):
        await _add_usernames(connection, dialect, incidents)
    return list(incidents.values())


def _for_update(dialect: str) -> str:
    return " FOR UPDATE" if dialect == "postgresql" else ""  # SQLite: `BEGIN IMMEDIATE` has locked it all


def _from_row(row: Row[Any]) -> Incident:
    values = dict(row._mapping)
    values["langs"], values["reasons"] = _strings.decode(values["langs"]), _strings.decode(values["reasons"])
    values["spans"], values["sample"] = _spans.decode(values["spans"]), bool(values["sample"])
    if values["escalation"] is not None:
        values["escalation"] = _escalation.decode(values["escalation"])
    return Incident(**values, told={}, scheduled={}, frozen={})


async def _add_told(connection: AsyncConnection, dialect: str, incidents: Mapping[str, Incident]) -> None:
    if not incidents:
        return
    ids = _IDS.bind(dialect, [(i,) for i in incidents])
    among = f"IN (SELECT r.id FROM {_IDS.source(dialect)})"
    told = f"SELECT incident, receiver, told_at, arrival, severity FROM told WHERE incident {among}"
    for row in await connection.execute(text(told), ids):
        incidents[row.incident].told[row.receiver] = Told(row.told_at, row.arrival, row.severity)
    # The condition is that of the index `outbox_unfinished`, word for word: SQLite takes it for nothing less.
    waiting = (
        "SELECT id, incident, receiver, reason, due_at, state, held FROM outbox "
        f"WHERE state IN ('scheduled', 'frozen', 'bundled') AND incident {among}"
    )
    for row in await connection.execute(text(waiting), ids):
        incident = incidents[row.incident]
        if row.state == "scheduled":
            incident.scheduled[row.receiver] = Scheduled(row.id, row.reason, row.due_at, row.held)
        elif row.state == "frozen":
            incident.frozen[row.receiver] = row.reason
        else:
            incident.bundled.add(row.receiver)


async def _add_usernames(connection: AsyncConnection, dialect: str, incidents: Mapping[str, Incident]) -> None:
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
    await pending.save_decisions(connection, dialect, decided, now)
