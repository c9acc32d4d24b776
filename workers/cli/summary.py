"""The summary of a run: one JSON object as the last line of standard output."""

import sys
from typing import Any

from workers.cli.outbox_state import StoreState, store_state
from workers.cli.output import print_json
from workers.cli.pipeline import Pipeline
from workers.incidents.change import to_millis


async def print_summary(pipeline: Pipeline) -> None:
    """Print it; after the drain, while the store is still open."""
    if pipeline.house is None:
        return
    state = await store_state(pipeline.house.store, to_millis(pipeline.started_at))
    print_json(summary(pipeline, state))
    sys.stdout.flush()


def summary(pipeline: Pipeline, state: StoreState) -> dict[str, Any]:
    """What was read and told in this run; `open` and `pending` as they are at its end."""
    counts = pipeline.stream.counts if pipeline.stream else None
    read = ("read", "matched", "unmatched", "duplicates", "revisions", "other", "bad", "mentions")
    return {
        **{name: getattr(counts, name, 0) for name in read},
        "marks": pipeline.classifier.marks if pipeline.classifier else 0,
        "dead_letters": pipeline.dead_letters,
        "incidents": {"opened": state.opened, "open": state.open},
        "notifications": {"sent": state.sent, "failed": state.failed, "pending": state.pending},
        "seconds": round(pipeline.seconds, 3),
    }
