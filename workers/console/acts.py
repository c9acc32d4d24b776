"""What a reader of the page may do: read from a form, refused where it says too little, done by the one function that
every other place calls too."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, cast, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from config.durations import parse_duration
from config.routes import Policy
from workers.incidents import change, records, teaching
from workers.incidents.change import ChangeRefusedError, to_millis
from workers.store.incident_page import IncidentPage
from workers.store.store import Store

ActName = Literal["acknowledge", "assign", "resolve", "note", "not_relevant", "not_relevant_post", "reopen"]
ACTS: Final = get_args(ActName)

# All ours.
LONGEST_NAME: Final = 60
LONGEST_NOTE: Final = 2_000
LEASES: Final = ("30m", "1h", "2h", "4h", "8h")
BY_LINK: Final = "by the incident's link"


class Act(NamedTuple):
    """One thing to do, and who does it."""

    name: ActName
    by: str
    text: str = ""
    to: str = ""
    post: str = ""
    lease: timedelta | None = None


def clean(written: str, most: int) -> str | None:
    """A line that a person wrote, without what can't be seen; None where it is too long."""
    kept = "".join(c if c.isprintable() or c == "\u200d" else " " for c in unicodedata.normalize("NFC", written))
    line = " ".join(kept.split())
    return line if len(line) <= most else None


def clean_note(written: str) -> str:
    """A note of several lines, without what can't be seen."""
    lines = ("".join(c for c in line if c.isprintable() or c == "\u200d") for line in written.splitlines())
    return "\n".join(lines).strip()


def read_act(form: Mapping[str, str], by: str) -> Act | str:
    """The act of a form by this person; else the word (`words`) that says what is wrong with it."""
    name = form.get("act", "")
    if name not in ACTS:
        return "unknown_act"
    note = clean_note(form.get("text", ""))
    if len(note) > LONGEST_NOTE:
        return "long_note"
    if name == "note" and not note:
        return "no_note"
    to = clean(form.get("to", ""), LONGEST_NAME)
    if name == "assign" and not to:
        return "no_assignee"
    held = form.get("for", "")
    lease = parse_duration(held) if held in LEASES else None
    return Act(cast(ActName, name), by, note, to or "", form.get("post", "")[:40], lease)


async def perform(store: Store, policy: Policy, incident: IncidentPage, act: Act, now: datetime) -> None:
    """Do it, all or nothing. Raises ChangeRefusedError where the incident is not in a state for it."""
    await store.change(lambda connection: _perform(connection, store.dialect, policy, incident, act, now))


async def _perform(
    connection: AsyncConnection, dialect: str, policy: Policy, incident: IncidentPage, act: Act, now: datetime
) -> None:
    ids, by, at, reason = [incident.id], act.by, to_millis(now), act.text or BY_LINK
    match act.name:
        case "acknowledge":
            await change.acknowledge(connection, dialect, policy, ids, by=by, reason=reason, now=at, lease=act.lease)
        case "assign":
            await change.assign(connection, dialect, policy, ids, to=act.to, by=by, reason=act.text, now=at)
        case "resolve":
            await change.resolve(connection, dialect, policy, ids, by=by, reason=reason, now=at)
        case "note":
            await change.note(connection, dialect, policy, ids, by=by, text=act.text, now=at)
        case "reopen":
            await change.reopen(connection, dialect, policy, ids, by=by, reason=reason, now=at)
        case "not_relevant":
            await _not_relevant(connection, dialect, policy, incident, act, now)
        case "not_relevant_post":
            if incident.scope != "root" or act.post not in {post.id for post in incident.posts}:
                raise ChangeRefusedError({incident.id: f"{act.post}: no post of it"})
            await teaching.teach(connection, dialect, policy, incident.brand, act.post, "irrelevant", by=by, now=now)


async def _not_relevant(
    connection: AsyncConnection, dialect: str, policy: Policy, incident: IncidentPage, act: Act, now: datetime
) -> None:
    """The classifier learns from the posts that the reader saw; where that leaves the incident open, it is closed."""
    if incident.scope != "root":
        raise ChangeRefusedError({incident.id: "a burst has no posts of its own; say it of each post"})
    for post in incident.posts:
        await teaching.teach(connection, dialect, policy, incident.brand, post.id, "irrelevant", by=act.by, now=now)
    after = (await records.lock(connection, dialect, [incident.id])).get(incident.id)
    if after is None or after.is_open or not incident.posts:
        await change.not_relevant(
            connection, dialect, policy, [incident.id], by=act.by, reason=act.text or BY_LINK, now=to_millis(now)
        )
