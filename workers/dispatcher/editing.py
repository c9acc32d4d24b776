"""Messages that stand at a provider are changed in place when they no longer hold, under their receiver's lease."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from config.routes import Policy
from workers.dispatcher import messages
from workers.dispatcher.channels import EditableChannel
from workers.dispatcher.channels.tools import answer_of
from workers.dispatcher.enriching import Context, enriched
from workers.dispatcher.messages import MAIN, Standing
from workers.dispatcher.ops_freezing import ops_body
from workers.dispatcher.outcome import MAX_RETRY_AFTER_SECONDS, Result
from workers.dispatcher.payload import ShownPost, encoded, notification, shown_post
from workers.incidents import records
from workers.incidents.model import Incident, Millis, Reason
from workers.incidents.ops import is_ops, lock_alert
from workers.runtime import metrics
from workers.runtime.logging import get_logger
from workers.runtime.retry import backoff_seconds
from workers.store import Store
from workers.store.bulk import Rows
from workers.store.sql import text

_log = get_logger(__name__)

# Ours: a change that can't be made waits from 5 s up to 15 min, and is given up after about a day.
BASE_SECONDS: Final = 5.0
CAP_SECONDS: Final = 900.0
GIVE_UP_AFTER: Final = 100
_IDS: Final = Rows.of(id="text")

MakeLinks = Callable[[str], dict[str, str] | None]


class Content(NamedTuple):
    """What a message is to say, and the posts that are left in it."""

    body: bytes
    posts: list[str]


class After(NamedTuple):
    """What follows a change: when it is due again, how often it failed in a row, whether to forget the message.

    `rest_until`: the provider asked for a pause, which holds for the whole receiver.
    """

    due_at: Millis | None = None
    failures: int = 0
    forget: bool = False
    rest_until: Millis = 0


class Edited(NamedTuple):
    """When the provider was asked to change something; until when it wants to be left alone (0: it does not say)."""

    times: list[Millis]
    rest_until: Millis = 0


def after(result: Result, failures: int, now: Millis, jitter: float) -> After:
    """What follows an attempt to change a message after so many failures in a row. Pure."""
    if result.kind == "delivered":
        again = result.again_seconds
        return After(due_at=None if again is None else now + round(again * 1000))
    if result.kind in ("client", "gone") or failures + 1 >= GIVE_UP_AFTER:
        return After(forget=True)
    wait = now + round(1000 * backoff_seconds(failures, base=BASE_SECONDS, cap=CAP_SECONDS, jitter=jitter))
    if result.kind != "rate_limited":
        return After(wait, failures + 1)
    seconds = min(result.retry_after_seconds or BASE_SECONDS, MAX_RETRY_AFTER_SECONDS)
    rest = now + round(1000 * seconds)
    return After(max(wait, rest), failures + 1, rest_until=rest)


async def edit_due(
    store: Store,
    policy: Policy,
    context: Context,
    links: MakeLinks,
    receiver: str,
    channel: EditableChannel,
    now: Callable[[], Millis],
    jitter: Callable[[], float],
    until: Millis,
    most: int,
) -> Edited:
    """Change the receiver's messages that are due, so many at most and while its lease is ours (`until`)."""
    async with store.read() as connection:
        due = await messages.due_edits(connection, receiver, now(), most)
    times: list[Millis] = []
    for standing in due:
        if now() >= until:
            break
        async with store.write() as connection:
            content = await _content(connection, store.dialect, policy, context, links, receiver, standing)
        result = Result("delivered")
        if content is not None:
            times.append(now())
            call = partial(channel.edit, standing.ref, standing.slot == MAIN, content.body, standing.style)
            result = await answer_of(receiver, call)
        follows = after(result, standing.failures, now(), jitter()) if content is not None else After(forget=True)
        async with store.write() as connection:
            if follows.forget:
                await messages.forget(connection, receiver, standing)
            else:
                done = content if result.kind == "delivered" else None
                await messages.edited(
                    connection,
                    receiver,
                    standing,
                    due_at=follows.due_at,
                    failures=follows.failures,
                    posts=done.posts if done is not None else None,
                    ref=result.made.ref if result.made is not None else None,
                )
        _say(receiver, standing, result, follows)
        if follows.rest_until:
            return Edited(times, follows.rest_until)
    return Edited(times)


def _say(receiver: str, standing: Standing, result: Result, follows: After) -> None:
    delivered = result.kind == "delivered"
    outcome = "edited" if delivered else "dropped" if follows.forget else "retry"
    metrics.MESSAGE_EDITS.labels(receiver, outcome).inc()
    if not delivered:
        say = _log.error if follows.forget else _log.warning
        say(
            f"message_{'edit_given_up' if follows.forget else 'edit_delayed'}",
            receiver=receiver,
            incident=standing.incident,
            failure=result.kind,
            detail=result.detail,
        )


async def _content(
    connection: AsyncConnection,
    dialect: str,
    policy: Policy,
    context: Context,
    links: MakeLinks,
    receiver: str,
    standing: Standing,
) -> Content | None:
    """What a message is to say now; None where its incident is not there any more."""
    if is_ops(standing.incident):
        alert = await lock_alert(connection, dialect, standing.incident)
        if alert is None:
            return None
        told: Reason = "first" if alert.cleared_at is None else "all_resolved"
        return Content(ops_body(alert, told, receiver, standing.style.language), [])
    incident = (await records.lock(connection, dialect, {standing.incident}, policy)).get(standing.incident)
    if incident is None:
        return None
    posts = await _still_there(connection, dialect, incident, standing.posts)
    left = [post.id for post in posts]
    reason: Reason = "first" if standing.slot == MAIN else "new_posts"
    if incident.status == "resolved":
        reason = "all_resolved"
    count = max(incident.post_count, len(posts)) if standing.slot == MAIN else len(posts)
    shown = notification(incident, reason, receiver, posts, count, {}, links(incident.id))
    full = await enriched(connection, dialect, shown, incident, context, standing.style.language)
    return Content(encoded(full), left)


async def _still_there(
    connection: AsyncConnection, dialect: str, incident: Incident, ids: list[str]
) -> list[ShownPost]:
    """Those of the posts that were not removed, in their order."""
    if not ids:
        return []
    found = await connection.execute(
        text(
            f"SELECT posts.id, body FROM {_IDS.source(dialect)} JOIN posts ON posts.brand = :brand AND posts.id = r.id"
        ),
        {"brand": incident.brand, **_IDS.bind(dialect, [(identity,) for identity in ids])},
    )
    bodies = {row.id: row.body for row in found}
    return [shown_post(bodies[identity]) for identity in ids if identity in bodies]
