"""How things stand when all is well, to be changed by tests."""

from typing import Any

from workers.incidents.audit import SeenWorker, Standing, Undelivered

NOW = 1_800_000_000_000


def worker(stage: str, *, age: float = 1.0, reasons: tuple[str, ...] = (), **facts: Any) -> SeenWorker:
    state = {"ready": not reasons, "reasons": list(reasons), "facts": facts}
    return SeenWorker(f"host-1-{stage}", stage, NOW - round(age * 1000), state)


WELL = Standing(
    now=NOW,
    required=("stream", "classifier", "dispatcher"),
    workers=(worker("stream"), worker("classifier"), worker("dispatcher")),
    unprocessed_seconds={"classifier": 1.0, "dispatcher": 2.0},
    undelivered={"desk": Undelivered(3, 10.0)},
    timers_late_seconds=0.5,
    receivers_off={},
    dead_letters=0,
    failed_notifications=0,
)
