"""Progress of a `run`, on standard error, for a person who waits."""

import sys
from typing import Final

from workers.cli.pipeline import Pipeline

_EVERY_SECONDS: Final = 5.0


async def show_progress(pipeline: Pipeline) -> None:
    """A line each few seconds while something moves, on a terminal only: elsewhere the log tells."""
    if not sys.stderr.isatty():
        return
    told = ""
    while True:
        await pipeline.clock.sleep(_EVERY_SECONDS)
        line = progress_line(pipeline)
        if line != told:
            print(line, file=sys.stderr, flush=True)
            told = line


def progress_line(pipeline: Pipeline) -> str:
    """Where the posts are."""
    counts = pipeline.stream.counts if pipeline.stream else None
    moved = {health.stage: health.moved_total for health in pipeline.healths}
    read = f"{counts.read:,} read, {counts.matched:,} matched, " if counts else ""
    return f"… {read}{moved.get('classifier', 0):,} classified, {moved.get('dispatcher', 0):,} stored"
