"""`hikeshi init`: topics and tables."""

from contextlib import AsyncExitStack
from pathlib import Path

import click

from config.settings import Settings
from workers.cli.house import enter_house, patiently, prepare, run_async
from workers.cli.options import Options, common_options
from workers.runtime.clock import SystemClock
from workers.runtime.folder import prepare_folder


@click.command()
@common_options
def command(options: Options) -> None:
    """Create the topics and bring the store up to date. Does nothing where there is nothing to do.

    Run it once before the workers, and after each upgrade, before the new workers start. `hikeshi run` does the same
    by itself. A worker never does: it waits, not ready, until this has run.

    \b
    Example:
      hikeshi init && hikeshi worker classifier
    """
    run_async(_init(options.settings()))


async def _init(settings: Settings) -> None:
    if settings.mode == "embedded":
        prepare_folder(Path(settings.data))
    async with AsyncExitStack() as resources:
        house = await patiently(lambda: enter_house(settings, resources), SystemClock())
        created = await patiently(lambda: prepare(house.log, house.store), house.clock)
    for name in created:
        click.echo(f"created topic {name}")
    click.echo("topics and store are ready")
