"""`hikeshi silence`: keep notifications back for a while; what comes is stored and listed all the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Settings
from schemas.mention import rfc3339
from workers.cli.house import open_house, run_async
from workers.cli.incidents import by_hand, named
from workers.cli.loading import load
from workers.cli.options import Options, common_options, duration
from workers.cli.output import print_json, print_rows
from workers.incidents import silences
from workers.incidents.change import to_millis
from workers.incidents.silences import Covers, Silence

_COLUMNS = ("id", "brand", "incident", "author", "phrase", "by", "reason", "created_at", "ends_at", "ended_at")


@click.group()
def command() -> None:
    """Silences stop notifications, never storage. What is still open when one ends is told then."""


@command.command()
@click.option("--brand", metavar="ID", help="Everything about this brand.")
@click.option("--incident", metavar="ID", help="This incident.")
@click.option("--author", metavar="NAME", help="Incidents whose posts are all by this account: user name or id.")
@click.option("--phrase", metavar="TEXT", help="Incidents whose posts all hold this text; case and width don't matter.")
@click.option("--for", "span", default="2h", show_default=True, callback=duration, help="How long: 30m, 2h, 7d.")
@click.option("--reason", default="", help="Why: whoever wonders about the silence reads it.")
@click.option("--by", required=True, metavar="NAME", callback=named, help="Who you are.")
@click.option("--json", "as_json", is_flag=True, help="The silence as JSON.")
@common_options
def add(options: Options, span: float, reason: str, by: str, as_json: bool, **covers: str | None) -> None:
    """Begin a silence. Of what is given, all must hold.

    \b
    Examples:
      hikeshi silence add --brand acme --for 2h --by yuki --reason "the shop is being moved"
      hikeshi silence add --author a_bot --brand acme --for 7d --by yuki --reason "repeats itself"
    """
    if span <= 0:
        raise click.BadParameter("must be longer than nothing, for example 2h", param_hint="--for")
    settings, files = load(options, stage="dispatcher")
    known = {brand.id for brand in files.brands}
    if covers["brand"] is not None and covers["brand"] not in known:
        raise click.BadParameter(
            f"there is no brand {covers['brand']!r}: {', '.join(sorted(known))}", param_hint="--brand"
        )

    async def in_store() -> Silence:
        async with open_house(settings) as house:

            async def begun(connection: AsyncConnection) -> Silence:
                return await silences.add(
                    connection, house.store.dialect, files.policy, Covers(**covers), by=by, reason=reason,
                    now=to_millis(house.clock.now()), duration=timedelta(seconds=span),
                )  # fmt: skip

            return await house.store.change(begun)

    row = _row(run_async(in_store()))
    if as_json:
        print_json(row)
    else:
        click.echo(f"silence {row['id']} until {row['ends_at']}")


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many.")
@common_options
def list_(options: Options, everything: bool, as_json: bool, limit: int | None) -> None:
    """List the silences that hold now, oldest first.

    \b
    Examples:
      hikeshi silence list
      hikeshi silence list --all --json
    """
    rows = run_async(_rows(options.settings(), everything))[:limit]
    print_rows(rows, _COLUMNS, as_json=as_json, empty="No silences." if everything else "No silence holds now.")


async def _rows(settings: Settings, everything: bool) -> list[dict[str, Any]]:
    async with open_house(settings) as house, house.store.read() as connection:
        now = to_millis(house.clock.now())
        return [_row(silence) for silence in await silences.listed(connection, everything=everything, now=now)]


@command.command()
@by_hand
@common_options
def expire(options: Options, ids: tuple[str, ...], by: str, reason: str) -> None:
    """End silences now. What is still open of what they kept back is told.

    \b
    Example:
      hikeshi silence expire ID --by yuki --reason "moved already"
    """
    settings, files = load(options, stage="dispatcher")

    async def in_store() -> int:
        async with open_house(settings) as house:
            store, now = house.store, to_millis(house.clock.now())
            ended = await store.change(
                lambda connection: silences.expire(
                    connection, store.dialect, files.policy, ids, by=by, reason=reason, now=now
                )
            )
            return len(ended)

    click.echo(f"{run_async(in_store())} ended by {by}")


def _row(silence: Silence) -> dict[str, Any]:
    return {
        "id": silence.id,
        **silence.covers._asdict(),
        "by": silence.by,
        "reason": silence.reason,
        "created_at": _moment(silence.created_at),
        "ends_at": _moment(silence.ends_at),
        "ended_at": _moment(silence.ended_at) if silence.ended_at is not None else None,
    }


def _moment(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))
