"""`hikeshi status`: is it alive, is it behind, is something overdue?"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import click
from sqlalchemy import text

from config.settings import Settings
from schemas.topics import MARKS, MENTIONS, Topic
from workers.cli.dead_letters import TOPICS
from workers.cli.exit_status import DONE, FAILED
from workers.cli.house import House, open_house, run_async
from workers.cli.options import Options, common_options
from workers.cli.output import print_json, print_rows
from workers.cli.stages import OPTIONAL, STAGES
from workers.incidents.change import to_millis
from workers.runtime.letter_box import list_letters
from workers.runtime.monitor import REPORT_SECONDS
from workers.store.offsets import read_offsets
from workers.store.reports import Report, read_reports

# All ours.
ALIVE_SECONDS: Final = 4 * REPORT_SECONDS  # a busy store may cost a report or two
UNPROCESSED_SECONDS: Final = 60.0  # a healthy pipeline needs one or two
OUTBOX_SECONDS: Final = 120.0  # past the minute in which a fallback is told
DEAF_SECONDS: Final = 90.0  # the design's
_SHOWN_SECONDS: Final = 600.0  # workers that ended long ago are no news

_OUTBOX: Final = "SELECT COUNT(*), MIN(due_at) FROM outbox WHERE state IN ('scheduled', 'frozen') AND due_at <= :now"
_RECEIVERS_OFF: Final = "SELECT receiver, off FROM receivers WHERE off IS NOT NULL ORDER BY receiver"


class Stand(NamedTuple):
    """How things stand: what `status` judges and shows."""

    workers: list[dict[str, Any]]
    oldest_unprocessed_seconds: dict[str, float]
    outbox_due: int
    outbox_age_seconds: float
    receivers_off: dict[str, str]
    dead_letters: int


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common_options
def command(options: Options, as_json: bool) -> int:
    """Show whether every stage is alive, how far behind it is, and what waits to be sent.

    Exit status 1 when something is overdue: a stage that is not alive or not ready, posts that have waited longer than
    a minute, notifications more than two minutes late, a receiver that is switched off.

    \b
    Example: in a monitoring job
      hikeshi status --json || notify-ops
    """
    stand = run_async(_stand(options.settings()))
    overdue = judge(stand)
    if as_json:
        print_json(_as_json(stand, overdue))
    else:
        _show(stand, overdue)
    return FAILED if overdue else DONE


def judge(stand: Stand) -> list[str]:
    """What is overdue, in words; empty when all is well."""
    found = []
    for stage in STAGES:
        of_stage = [worker for worker in stand.workers if worker["stage"] == stage]
        if stage in OPTIONAL and not of_stage:
            continue
        if not any(worker["alive"] for worker in of_stage):
            found.append(f"{stage} is not running")
        found += [
            f"{stage} ({worker['worker']}) is not ready: {'; '.join(worker['reasons'])}"
            for worker in of_stage
            if worker["alive"] and not worker["ready"]
        ]
    for stage, seconds in stand.oldest_unprocessed_seconds.items():
        if seconds > UNPROCESSED_SECONDS:
            found.append(f"{stage} is behind: its oldest post has waited for {seconds:.0f} s")
    if stand.outbox_age_seconds > OUTBOX_SECONDS:
        found.append(f"{stand.outbox_due} notifications are due, the oldest since {stand.outbox_age_seconds:.0f} s")
    deaf = _fact(stand, "deaf_seconds")
    if deaf is not None and deaf > DEAF_SECONDS:
        found.append(f"X has been silent for {deaf:.0f} s")
    for name, why in stand.receivers_off.items():
        found.append(f"receiver {name} is off ({why}): mend it, then `hikeshi check --send {name}`")
    return found


async def _stand(settings: Settings) -> Stand:
    async with open_house(settings) as house:
        now = to_millis(house.clock.now())
        async with house.store.read() as connection:
            due, first_due_at = (await connection.execute(text(_OUTBOX), {"now": now})).one()
            off = {row.receiver: row.off for row in await connection.execute(text(_RECEIVERS_OFF))}
            stored = await read_offsets(connection, MARKS.name)
        classified = await house.log.committed(MENTIONS, "classifier")
        return Stand(
            workers=[_worker(report, now) for report in await read_reports(house.store) if _shown(report, now)],
            oldest_unprocessed_seconds={
                "classifier": await _oldest_seconds(house, MENTIONS, classified, now),
                "dispatcher": await _oldest_seconds(house, MARKS, stored, now),
            },
            outbox_due=due,
            outbox_age_seconds=(now - first_due_at) / 1000 if due else 0.0,
            receivers_off=off,
            dead_letters=len(await list_letters(house.log, TOPICS)),
        )


async def _oldest_seconds(house: House, topic: Topic, stand: Mapping[int, int], now: int) -> float:
    """How long the first record that a stage has not processed has been on the topic."""
    oldest = now
    for partition, (first, end) in (await house.log.offsets(topic)).items():
        begin = max(stand.get(partition, 0), first)
        if begin < end:
            oldest = min(oldest, await _first_timestamp(house, topic, partition, begin, now))
    return (now - oldest) / 1000


async def _first_timestamp(house: House, topic: Topic, partition: int, begin: int, now: int) -> int:
    ends = {p: end for p, (_, end) in (await house.log.offsets(topic)).items()}
    start = {p: begin if p == partition else end for p, end in ends.items()}
    async for records in house.log.read(topic, start):
        for record in records:
            if record.partition == partition:
                return record.timestamp
    return now


def _shown(report: Report, now: int) -> bool:
    return now - report.seen_at <= _SHOWN_SECONDS * 1000


def _worker(report: Report, now: int) -> dict[str, Any]:
    state = report.state
    return {
        "worker": report.worker,
        "stage": report.stage,
        "alive": now - report.seen_at <= ALIVE_SECONDS * 1000,
        "ready": bool(state.get("ready")),
        "reasons": state.get("reasons", []),
        "lag": state.get("lag", 0),
        "moved": state.get("moved", 0),
        "seen_at": state.get("at"),
        "port": state.get("port"),
        "facts": state.get("facts", {}),
    }


def _as_json(stand: Stand, overdue: list[str]) -> dict[str, Any]:
    return {
        "alive": all(
            any(w["alive"] for w in stand.workers if w["stage"] == stage) for stage in STAGES if stage not in OPTIONAL
        ),
        "overdue": overdue,
        # Neither has a meaning without a connection to X: it alone promises a heartbeat and costs money.
        "deaf_seconds": _fact(stand, "deaf_seconds"),
        "money_spent_usd": _fact(stand, "usd_today"),
        "paused_brands": _fact(stand, "paused_brands") or {},
        "oldest_unprocessed_seconds": stand.oldest_unprocessed_seconds,
        "outbox": {"due": stand.outbox_due, "age_seconds": stand.outbox_age_seconds},
        "receivers_off": stand.receivers_off,
        "dead_letters": stand.dead_letters,
        "workers": stand.workers,
    }


def _fact(stand: Stand, name: str) -> Any:
    """What the stream says of its connection to X; None without one."""
    return next(
        (worker["facts"][name] for worker in stand.workers if worker["alive"] and name in worker["facts"]), None
    )


def _show(stand: Stand, overdue: list[str]) -> None:
    columns = ("stage", "alive", "ready", "lag", "moved", "seen_at", "worker")
    rows = [w | {"alive": _yes(w["alive"]), "ready": _yes(w["ready"])} for w in stand.workers]
    print_rows(rows, columns, as_json=False, empty="No worker has reported within ten minutes.")
    for stage, seconds in stand.oldest_unprocessed_seconds.items():
        click.echo(f"oldest post not yet through the {stage}: {seconds:.1f} s")
    click.echo(f"notifications due: {stand.outbox_due}, the oldest since {stand.outbox_age_seconds:.1f} s")
    click.echo(f"dead letters: {stand.dead_letters}")
    if (deaf := _fact(stand, "deaf_seconds")) is not None:
        click.echo(f"X: the last byte {deaf:.0f} s ago; spent today: ${_fact(stand, 'usd_today') or 0:.2f}")
    for brand, reason in (_fact(stand, "paused_brands") or {}).items():
        click.echo(f"PAUSED: {brand}: {reason}")
    for line in overdue:
        click.echo(f"OVERDUE: {line}")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
