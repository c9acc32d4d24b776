"""What each worker last said of itself, for `hikeshi status`: written best effort, never waited for by a stage."""

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text

from workers.store.store import Store

KEEP_MS = 24 * 3600 * 1000  # ours: a worker that has been silent for a day is history


class Report(NamedTuple):
    """One worker's last word. `seen_at` is in milliseconds since 1970."""

    worker: str
    stage: str
    seen_at: int
    state: dict[str, Any]


async def report_worker(store: Store, worker: str, stage: str, state: dict[str, Any], now_ms: int) -> None:
    """Replace the worker's row; rows of workers long gone are removed."""
    async with store.write() as connection:
        await connection.execute(
            text(
                "INSERT INTO worker_reports (worker, stage, seen_at, state) VALUES (:worker, :stage, :now, :state) "
                "ON CONFLICT (worker) DO UPDATE SET stage = excluded.stage, seen_at = excluded.seen_at, "
                "state = excluded.state"
            ),
            {"worker": worker, "stage": stage, "now": now_ms, "state": msgspec.json.encode(state).decode()},
        )
        await connection.execute(
            text("DELETE FROM worker_reports WHERE seen_at < :before"), {"before": now_ms - KEEP_MS}
        )


async def read_reports(store: Store) -> list[Report]:
    """The last word of each worker, the newest last."""
    async with store.read() as connection:
        rows = await connection.execute(
            text("SELECT worker, stage, seen_at, state FROM worker_reports ORDER BY seen_at, worker")
        )
        return [Report(row.worker, row.stage, row.seen_at, msgspec.json.decode(row.state)) for row in rows]
