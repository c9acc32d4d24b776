"""`hikeshi worker`: one stage against Kafka and PostgreSQL."""

from contextlib import AsyncExitStack

import click

from config.files import Files
from config.settings import Settings
from schemas.errors import ConfigurationError
from workers.cli.house import check_prepared, enter_house, patiently, run_async
from workers.cli.loading import load, service_options
from workers.cli.options import Options, common_options, source_options
from workers.cli.pipeline import Pipeline, source_opener
from workers.cli.source_choice import choose_source
from workers.cli.stages import STAGES
from workers.runtime.clock import SystemClock
from workers.runtime.service import Program, serve


@click.command()
@click.argument("stage", type=click.Choice(STAGES), metavar="STAGE")
@source_options
@common_options
def command(options: Options, stage: str, source: str | None, file: str | None, speed: str | None) -> int:
    """Run one stage: stream, classifier, dispatcher, steward or console. The stages meet on Kafka and in PostgreSQL.

    Start as many of each as you like: Kafka spreads the work. More classifiers bring speed; more dispatchers bring
    failover and help with many brands. One stream reads a source. The steward takes away what was removed at X, watches
    how far incidents spread, and forgets what is old: one works, a second one stands by. The console serves the
    incidents' pages, which links in notifications lead to. Run `hikeshi init` first: until then, and while Kafka or
    PostgreSQL is away, a worker waits, healthy but not ready (/healthz, /readyz).

    At the end of a file `stream` stays up, idle. It never falls back to the sample: name a source.

    \b
    Examples:
      hikeshi worker stream --source replay --file posts.jsonl
      hikeshi worker classifier
      hikeshi worker dispatcher
      hikeshi worker steward
      hikeshi worker console
    """
    if stage != "stream" and (source or file or speed):
        raise click.UsageError(f"--source, --file and --speed are for `worker stream`; `{stage}` reads no source")
    settings, files = load(options, quiet=False, stage=stage, source=source, replay={"file": file, "speed": speed})
    if settings.mode == "embedded":
        raise ConfigurationError(
            "a worker needs Kafka and PostgreSQL: set HIKESHI_KAFKA__BOOTSTRAP_SERVERS and HIKESHI_STORE__URL, or "
            "start every stage in one process with `hikeshi run`"
        )
    return run_async(_work(settings, files, stage))


async def _work(settings: Settings, files: Files, stage: str) -> int:
    clock = SystemClock()
    pipeline = Pipeline(settings, files, clock, only=stage)
    source = None
    if stage == "stream":
        source = source_opener(pipeline, choose_source(settings, None).source, of_run=False)

    async def build(resources: AsyncExitStack) -> Program:
        with pipeline.waiting("kafka and the store, or `hikeshi init`"):
            house = await patiently(lambda: enter_house(settings, resources), clock, seconds=None)
            # The stream and the classifier go on without the store, so they start without it too.
            store = house.store if stage in ("dispatcher", "steward", "console") else None
            await patiently(lambda: check_prepared(house.log, store), clock, seconds=None)
            await patiently(lambda: pipeline.build(house, source), clock, seconds=None)
        return Program(
            stages=pipeline.stages,
            background=[pipeline.watch_files, pipeline.audit, pipeline.stand_by],
            report_worker=pipeline.report_worker,
        )

    return await serve(pipeline.healths, build, service_options(settings, port=0, stay=True), clock)
