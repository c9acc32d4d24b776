"""`hikeshi incidents`: list, show, and what people do with them: acknowledge, assign, note, resolve, reopen."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import click

from config.settings import Settings
from schemas.errors import ConfigurationError
from workers.cli.house import open_house, run_async
from workers.cli.loading import load
from workers.cli.options import Function, Options, common_options, duration
from workers.cli.output import print_json, print_rows, printable
from workers.incidents import change
from workers.incidents.change import to_millis
from workers.incidents.forecast import NOTHING, forecasts
from workers.incidents.model import Incident
from workers.store import queries
from workers.store.spread import COUNTS

_COLUMNS = (
    "id", "opened_at", "brand", "scope", "kind", "severity", "status", "post_count", "author_count", "next_hour",
    "reasons",
)  # fmt: skip


@click.group()
def command() -> None:
    """Incidents: posts that belong together, by brand and conversation, and the bursts over them."""


def named(_: click.Context, __: click.Parameter, name: str) -> str:
    if not name.strip():
        raise click.BadParameter("is empty; say who you are")
    return name.strip()


def by_hand(function: Function) -> Function:
    """Adds the ids, `--by` and `--reason` of a change that a person makes."""
    for decorate in (
        click.option("--reason", default="", help="Why, for the timeline."),
        click.option("--by", required=True, metavar="NAME", callback=named, help="Who you are, for the timeline."),
        click.argument("ids", nargs=-1, required=True, metavar="ID…"),
    ):
        function = decorate(function)
    return function


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Resolved and merged ones too.")
@click.option(
    "--order",
    type=click.Choice(["oldest", "growth"]),
    default="oldest",
    show_default=True,
    help="growth: those first that may get the most posts in the next hour.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many.")
@common_options
def list_(options: Options, everything: bool, order: str, as_json: bool, limit: int | None) -> None:
    """List the open incidents. NEXT HOUR is how many posts each may get: nine of ten times at least the first number,
    nine of ten times at most the second.

    \b
    Examples:
      hikeshi incidents list
      hikeshi incidents list --order growth --limit 10
      hikeshi incidents list --all --json
    """
    rows = run_async(_rows(options.settings(), everything, order, limit))
    if not as_json:
        rows = [row | {"next_hour": _next_hour(row["forecast"])} for row in rows]
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No incidents." if everything else "No open incidents.")


async def _rows(settings: Settings, everything: bool, order: str, limit: int | None) -> list[dict[str, Any]]:
    async with open_house(settings) as house:
        by_growth = order == "growth"
        rows = await queries.incidents(house.store, everything=everything, limit=None if by_growth else limit)
        async with house.store.read() as connection:
            found = await forecasts(connection, to_millis(house.clock.now()))
    for row in rows:
        open_ = row["status"] in ("firing", "acknowledged")
        row["forecast"] = found.get(row["id"], NOTHING)._asdict() if open_ else None
    return sorted(rows, key=_may_grow)[:limit] if by_growth else rows


def _may_grow(row: dict[str, Any]) -> int:
    return -row["forecast"]["high"] if row["forecast"] else 1  # `sorted` keeps the older first where that is the same


def _next_hour(forecast: dict[str, int] | None) -> str | None:
    return f"{forecast['low']}–{forecast['high']}" if forecast else None


@command.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--json", "as_json", is_flag=True, help="JSON lines, one object for each id.")
@common_options
def show(options: Options, ids: tuple[str, ...], as_json: bool) -> None:
    """Show incidents with their posts and what happened to them.

    \b
    Example:
      hikeshi incidents show ID
    """
    for incident in run_async(_details(options.settings(), ids)):
        if as_json:
            print_json(incident)
        else:
            _print_incident(incident)


async def _details(settings: Settings, ids: tuple[str, ...]) -> list[dict[str, Any]]:
    async with open_house(settings) as house:
        found = await queries.incident_details(house.store, ids)
    unknown = set(ids) - {incident["id"] for incident in found}
    if unknown:
        raise ConfigurationError(
            f"no incident with id {', '.join(sorted(unknown))}: `hikeshi incidents list --all` shows those there are"
        )
    return found


@command.command()
@by_hand
@click.option(
    "--for",
    "lease",
    callback=duration,
    metavar="DURATION",
    help="How long you have it. [acknowledge_for of its route, 30m]",
)
@common_options
def ack(options: Options, ids: tuple[str, ...], by: str, reason: str, lease: float | None) -> None:
    """Take incidents: nobody else is called while you have them. When the time ends, they are open again.

    \b
    Example:
      hikeshi incidents ack ID --by yuki --reason "calling the customer"
    """
    if lease is not None and lease <= 0:
        raise click.BadParameter("must be longer than nothing, for example 30m", param_hint="--for")
    held = timedelta(seconds=lease) if lease is not None else None
    done = _changed(options, ids, change.acknowledge, by=by, reason=reason, lease=held)
    click.echo(f"{len(done)} acknowledged by {by}")


@command.command()
@by_hand
@click.option("--to", required=True, metavar="NAME", callback=named, help="Whose they are from now on; - for nobody.")
@common_options
def assign(options: Options, ids: tuple[str, ...], by: str, reason: str, to: str) -> None:
    """Say whose incidents are. It acknowledges nothing.

    \b
    Example:
      hikeshi incidents assign ID --to ken --by yuki --reason "knows the customer"
    """
    done = _changed(options, ids, change.assign, by=by, reason=reason, to=None if to == "-" else to)
    click.echo(f"{len(done)} assigned to {'nobody' if to == '-' else to}")


@command.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--by", required=True, metavar="NAME", callback=named, help="Who you are, for the timeline.")
@click.option("--text", required=True, callback=named, help="What the timeline is to say.")
@common_options
def note(options: Options, ids: tuple[str, ...], by: str, text: str) -> None:
    """Write a remark into the timeline of incidents, open or not.

    \b
    Example:
      hikeshi incidents note ID --by yuki --text "the shop in Umeda knows"
    """
    done = _changed(options, ids, change.note, by=by, text=text)
    click.echo(f"noted in {len(done)}")


@command.command()
@by_hand
@common_options
def resolve(options: Options, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Say that incidents are over. Everybody who was told of them is told.

    \b
    Example:
      hikeshi incidents resolve ID --by yuki --reason "refunded"
    """
    done = _changed(options, ids, change.resolve, by=by, reason=reason)
    click.echo(f"{len(done)} resolved by {by}")


@command.command()
@by_hand
@common_options
def reopen(options: Options, ids: tuple[str, ...], by: str, reason: str) -> None:
    """Say that resolved incidents are not over. Who was told is told again, and their escalation begins anew.

    \b
    Example:
      hikeshi incidents reopen ID --by yuki --reason "the refund failed"
    """
    done = _changed(options, ids, change.reopen, by=by, reason=reason)
    click.echo(f"{len(done)} reopened by {by}")


def _changed(
    options: Options, ids: tuple[str, ...], work: Callable[..., Awaitable[list[Incident]]], **words: Any
) -> list[Incident]:
    """Change these incidents, all or none, by the policy in force."""
    settings, files = load(options, stage="dispatcher")

    async def in_store() -> list[Incident]:
        async with open_house(settings) as house:
            store, now = house.store, to_millis(house.clock.now())
            return await store.change(
                lambda connection: work(connection, store.dialect, files.policy, ids, now=now, **words)
            )

    return run_async(in_store())


def _print_incident(incident: dict[str, Any]) -> None:
    click.echo(f"{incident['id']}  {incident['key']}  {incident['status']}")
    click.echo(
        f"  {incident['kind']}, severity {incident['severity']}, {incident['post_count']} posts by "
        f"{incident['author_count']} authors, opened {incident['opened_at']}"
    )
    for name in ("acknowledged_until", "assignee", "muted_by", "muted_until", "merged_into"):
        if incident[name]:
            click.echo(f"  {name.replace('_', ' ')}: {incident[name]}")
    if incident["escalation"] and incident["escalation"]["next_at"]:
        click.echo(f"  escalation {incident['escalation']['name']}, next step at {incident['escalation']['next_at']}")
    if incident["spread"]:
        click.echo(f"  spread: {_spread(incident['spread'])}")
    for reason in incident["reasons"]:
        click.echo(f"  because {printable(reason)}")
    click.echo("posts:")
    for post in incident["posts"]:
        author = post.get("author") or {}
        who = f"@{author['username']}" if author.get("username") else "(unknown author)"
        click.echo(f"  {post['created_at']}  {post['id']}  {printable(who)}  {post['kind']}, {post['severity']}")
        click.echo(f"    {printable(post.get('text', ''))}")
    click.echo("timeline:")
    for event in incident["timeline"]:
        click.echo(f"  {event['at']}  {event['event']}  by {printable(event['actor'])}: {printable(event['reason'])}")
    click.echo()


def _spread(spread: dict[str, Any]) -> str:
    """How far, and how fast it grows where X was asked."""
    rates = spread.get("an_hour", {})
    counts = (f"{spread[name]} {name}" + (f" ({rates[name]:+g} an hour)" if rates.get(name) else "") for name in COUNTS
              if name in spread)  # fmt: skip
    return ", ".join(counts) + (f", looked up {spread['looked_at']}" if "looked_at" in spread else "")
