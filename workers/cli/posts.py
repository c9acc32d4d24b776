"""`hikeshi posts`: what was stored, and what people say of it."""

from typing import Any

import click

from config.settings import Settings
from workers.cli.house import open_house, run_async
from workers.cli.marks import mark, marks
from workers.cli.options import Options, common_options
from workers.cli.output import print_json, print_rows
from workers.store import queries

_COLUMNS = ("created_at", "brand", "id", "revision", "kind", "severity", "influence", "lang", "incident", "reason")


@click.group()
def command() -> None:
    """The posts that matched a brand, each with its incident or the reason for none."""


command.add_command(mark)
command.add_command(marks)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many.")
@common_options
def list_(options: Options, as_json: bool, limit: int | None) -> None:
    """List the posts, oldest first, one row for each brand that a post is about.

    `incident` is the post's own incident (its conversation), never a burst; where there is none, `reason` says why.

    \b
    Examples:
      hikeshi posts list --limit 20
      hikeshi posts list --json | jq 'select(.kind == "complaint")'
    """
    run_async(_list(options.settings(), as_json, limit))


async def _list(settings: Settings, as_json: bool, limit: int | None) -> None:
    rows: list[dict[str, Any]] = []
    async with open_house(settings) as house:
        async for row in queries.posts(house.store, limit):
            if as_json:  # streamed: a million rows need no memory
                print_json(row)
            else:
                rows.append(row)
    if not as_json:
        print_rows(rows, _COLUMNS, as_json=False, empty="No posts yet.")
