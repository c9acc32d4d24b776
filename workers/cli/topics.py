"""`hikeshi topics`: create and list."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from config.settings import Settings
from schemas.topics import ALL
from workers.cli.house import enter_house, open_house, patiently, run_async
from workers.cli.options import Options, common_options
from workers.cli.output import print_rows
from workers.runtime.clock import SystemClock
from workers.runtime.folder import prepare_folder
from workers.store.offsets import forget_offsets


@click.group()
def command() -> None:
    """The topics that the workers meet on: mentions, marks, and a dead-letter topic for each."""


@command.command()
@click.option(
    "--reset-offsets",
    is_flag=True,
    help="The topics were made anew: forget how far the store had read of the old ones.",
)
@common_options
def create(options: Options, reset_offsets: bool) -> None:
    """Create the topics that are missing and bring their settings up to date.

    `hikeshi init` does this too. Use `--reset-offsets` when a dispatcher says that a topic ends before the offset that
    the store stands at, which means that the topic was deleted and made anew: the store then reads it from its
    beginning. Posts that it has already are recognised, none comes twice.

    \b
    Example:
      hikeshi topics create --reset-offsets
    """
    run_async(_create(options.settings(), reset_offsets))


async def _create(settings: Settings, reset_offsets: bool) -> None:
    if settings.mode == "embedded":
        prepare_folder(Path(settings.data))
    async with AsyncExitStack() as resources:
        house = await patiently(lambda: enter_house(settings, resources), SystemClock())
        created = await patiently(lambda: house.log.create_topics(ALL), house.clock)
        for name in created:
            click.echo(f"created {name}")
        if not created:
            click.echo("all topics were there")
        if reset_offsets:
            async with house.store.write() as connection:
                for topic in ALL:
                    await forget_offsets(connection, topic.name)
            click.echo("the store reads the topics from their beginning")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@common_options
def list_(options: Options, as_json: bool) -> None:
    """List the topics: partitions, first and end offsets.

    \b
    Example:
      hikeshi topics list
    """
    rows = run_async(_rows(options.settings()))
    print_rows(rows, ("topic", "partition", "start", "end", "records"), as_json=as_json, empty="No topics.")


async def _rows(settings: Settings) -> list[dict[str, Any]]:
    async with open_house(settings) as house:
        return [
            {"topic": topic.name, "partition": partition, "start": start, "end": end, "records": end - start}
            for topic in ALL
            for partition, (start, end) in sorted((await house.log.offsets(topic)).items())
        ]
