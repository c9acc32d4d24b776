"""`hikeshi run`: every stage in one process."""

from contextlib import AsyncExitStack
from pathlib import Path

import click

from config.files import Files
from config.settings import Settings
from workers.cli.house import enter_house, patiently, prepare, run_async
from workers.cli.idle import until_idle
from workers.cli.loading import load, service_options
from workers.cli.options import Options, common_options, duration, source_options
from workers.cli.pipeline import Pipeline, source_opener
from workers.cli.progress import show_progress
from workers.cli.source_choice import Choice, choose_source
from workers.cli.summary import print_summary
from workers.runtime.clock import SystemClock
from workers.runtime.folder import locked_folder
from workers.runtime.service import Program, serve

RUN_PORT = 8643  # the contract's, for `run`
IDLE_TIMEOUT = "10m"


@click.command()
@source_options
@click.option("--until-idle", is_flag=True, help="End when the source has ended and everything is told.")
@click.option(
    "--idle-timeout",
    default=IDLE_TIMEOUT,
    show_default=True,
    callback=duration,
    help="With --until-idle: end with status 1 when nothing has moved for so long, a receiver that fails for example.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a summary as the last line: what was read and told.")
@common_options
def command(
    options: Options,
    source: str | None,
    file: str | None,
    speed: str | None,
    until_idle: bool,
    idle_timeout: float,
    as_json: bool,
) -> int:
    """Run every stage in one process: read posts, match, classify, open incidents, tell people.

    Without Kafka everything lives in the data folder: no server, no account. Where the settings name Kafka and
    PostgreSQL, the same stages run on those. Topics and tables are made first, if they are missing. Ctrl-C ends it,
    after what is under way; the next start goes on where it was.

    \b
    Examples:
      hikeshi run --source sample                     posts of ours: a crisis in the first 90 seconds
      hikeshi run --source replay --file posts.jsonl  your file: X API v2 lines or pages, plain or gzip
      HIKESHI_X__BEARER_TOKEN=… hikeshi run            X itself: the filtered stream, with the rules of brands.yaml
      twarc2 stream | hikeshi run --source replay --file -
      hikeshi run --source replay --file posts.jsonl --until-idle --json | tail -1
    """
    settings, files = load(options, quiet=False, source=source, replay={"file": file, "speed": speed})
    choice = choose_source(settings, files.policy, until_idle=until_idle)
    if choice.notice:
        click.echo(choice.notice, err=True)
    with locked_folder(Path(settings.data)):
        return run_async(_run(settings, files, choice, idle_timeout if until_idle else None, as_json))


async def _run(settings: Settings, files: Files, choice: Choice, idle_seconds: float | None, as_json: bool) -> int:
    clock = SystemClock()
    pipeline = Pipeline(settings, files, clock)
    source = source_opener(pipeline, choice.source, of_run=True, episode_alone=idle_seconds is not None)

    async def build(resources: AsyncExitStack) -> Program:
        house = await patiently(lambda: enter_house(settings, resources), clock)
        await patiently(lambda: prepare(house.log, house.store), clock)
        await pipeline.build(house, source)
        return Program(
            stages=pipeline.stages,
            background=[pipeline.watch_files, pipeline.audit, lambda: show_progress(pipeline)],
            until=None if idle_seconds is None else lambda: until_idle(pipeline, idle_seconds),
            report_worker=pipeline.report_worker,
            drained=(lambda: print_summary(pipeline)) if as_json else None,
        )

    return await serve(pipeline.healths, build, service_options(settings, port=RUN_PORT, stay=False), clock)
