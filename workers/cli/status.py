"""`hikeshi status`: is it alive, is it behind, is something overdue?"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import click

from config.faults import ConfigurationFaults
from config.files import ROUTES
from config.routes import Receiver, load_routes
from config.settings import Settings
from schemas.mention import rfc3339
from workers.cli.exit_status import DONE, FAILED
from workers.cli.house import open_house, run_async
from workers.cli.options import Options, common_options
from workers.cli.output import print_json, print_rows, printable
from workers.cli.receiver_state import ReceiverState, receiver_states
from workers.cli.stages import OPTIONAL, STAGES
from workers.incidents.audit import SeenWorker, Standing, troubles
from workers.incidents.audit_look import Letters, look
from workers.incidents.change import to_millis
from workers.incidents.model import Millis
from workers.incidents.ops import OpsAlert, open_alerts

REQUIRED: Final = tuple(stage for stage in STAGES if stage not in OPTIONAL)
# What only the self-audit can tell, since it knows the brands in force: overdue while it says so.
_BY_THE_AUDIT: Final = ("no_mentions/", "baselines")


class Stand(NamedTuple):
    """How things stand, and what ops was told of and is not over."""

    standing: Standing
    alerts: list[OpsAlert]
    receivers: Sequence[ReceiverState] = ()


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@common_options
def command(options: Options, as_json: bool) -> int:
    """Show whether every stage is alive, how far behind it is, and what waits to be sent.

    Exit status 1 when something is overdue: a stage that is not alive or not ready, posts that have waited longer than
    a minute, an escalation or a notification more than two minutes late, a receiver that is switched off, silence from
    X, no posts where there always are some, a brand's usual week not learned for two days.

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
    found = [trouble.en for trouble in troubles(stand.standing) if trouble.overdue]
    return found + [alert.text("en") for alert in stand.alerts if alert.kind.startswith(_BY_THE_AUDIT)]


async def _stand(settings: Settings) -> Stand:
    async with open_house(settings) as house:
        now = to_millis(house.clock.now())
        standing = await look(house.store, house.log, Letters(house.log), REQUIRED, now)
        async with house.store.read() as connection:
            alerts = await open_alerts(connection)
            receivers = await receiver_states(connection, _receivers(settings), now)
        return Stand(standing, list(alerts.values()), receivers)


def _receivers(settings: Settings) -> Mapping[str, Receiver]:
    """Those of the file; with a fault in it those alone that the store knows are shown."""
    try:
        return load_routes(settings.config / ROUTES, settings).receivers
    except ConfigurationFaults:
        return {}


def _worker(standing: Standing, seen: SeenWorker) -> dict[str, Any]:
    return {
        "worker": seen.worker,
        "stage": seen.stage,
        "alive": standing.alive(seen),
        "ready": seen.ready,
        "reasons": seen.reasons,
        "lag": seen.state.get("lag", 0),
        "moved": seen.state.get("moved", 0),
        "seen_at": seen.state.get("at"),
        "port": seen.state.get("port"),
        "facts": seen.facts,
    }


def _due(standing: Standing) -> tuple[int, float]:
    """How many notifications are due, and since when the oldest is."""
    waiting = standing.undelivered.values()
    return sum(w.waiting for w in waiting), max((w.oldest_seconds for w in waiting), default=0.0)


def _as_json(stand: Stand, overdue: list[str]) -> dict[str, Any]:
    standing = stand.standing
    alive = {seen.stage for seen in standing.workers if standing.alive(seen)}
    due, age = _due(standing)
    return {
        "alive": alive.issuperset(REQUIRED),
        "overdue": overdue,
        # Neither has a meaning without a connection to X: it alone promises a heartbeat and costs money.
        "deaf_seconds": standing.fact("deaf_seconds"),
        "money_spent_usd": standing.fact("usd_today"),
        "paused_brands": standing.fact("paused_brands") or {},
        "oldest_unprocessed_seconds": standing.unprocessed_seconds,
        "outbox": {"due": due, "age_seconds": age},
        "receivers_off": standing.receivers_off,
        "receivers": [state._asdict() for state in stand.receivers],
        "dead_letters": standing.dead_letters,
        "ops_alerts": [
            {"kind": alert.kind, "what": alert.text("en"), "since": _moment(alert.raised_at)} for alert in stand.alerts
        ],
        "workers": [_worker(standing, seen) for seen in standing.workers],
    }


def _show(stand: Stand, overdue: list[str]) -> None:
    standing = stand.standing
    columns = ("stage", "alive", "ready", "lag", "moved", "seen_at", "worker")
    rows = [_worker(standing, seen) for seen in standing.workers]
    rows = [row | {"alive": _yes(row["alive"]), "ready": _yes(row["ready"])} for row in rows]
    print_rows(rows, columns, as_json=False, empty="No worker has reported within ten minutes.")
    for stage, seconds in standing.unprocessed_seconds.items():
        click.echo(f"oldest post not yet through the {stage}: {seconds:.1f} s")
    due, age = _due(standing)
    click.echo(f"notifications due: {due}, the oldest since {age:.1f} s")
    for state in stand.receivers:
        click.echo(printable(_receiver_line(state)))
    click.echo(f"dead letters: {standing.dead_letters}")
    if (deaf := standing.fact("deaf_seconds")) is not None:
        click.echo(f"X: the last byte {deaf:.0f} s ago; spent today: ${standing.fact('usd_today') or 0:.2f}")
    for brand, reason in (standing.fact("paused_brands") or {}).items():
        click.echo(f"PAUSED: {brand}: {reason}")
    for alert in stand.alerts:
        click.echo(f"ops was told, {_moment(alert.raised_at)}: {printable(alert.text('en'))}")
    for line in overdue:
        click.echo(f"OVERDUE: {printable(line)}")


def _receiver_line(state: ReceiverState) -> str:
    line = f"receiver {state.receiver} ({state.kind}): {state.state}"
    line += f" until {state.until}" if state.until else ""
    line += f", waiting: {state.waiting}" if state.waiting else ""
    line += f", messages to change: {state.unchanged}" if state.unchanged else ""
    return f"{line}: {state.why}" if state.why else line


def _moment(at: Millis) -> str:
    return rfc3339(datetime.fromtimestamp(at / 1000, UTC))


def _yes(value: bool) -> str:
    return "yes" if value else "no"
