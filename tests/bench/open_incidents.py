"""Alerts among 50,000 open incidents: 2,000 marks/s on PostgreSQL, from the mark's arrival on the log to the webhook.

The dispatcher is whole: it reads marks from a log, stores them, decides, routes, escalates, delivers over HTTP. Each
second brings 2,000 marks: nine in ten open nothing, some join one of the 50,000, some open their own incident, and ten
are critical, which skip the wait; these are timed.
"""

import asyncio
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from config.brands import Brand
from schemas.mention import record_key
from schemas.topics import ALL, MARKS
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink
from tests.workers.dispatcher.rig import FixedFiles
from tests.workers.incidents.scene import arrival
from tests.workers.incidents.timeline import policy_of
from workers.cli.house import run_async
from workers.dispatcher.worker import DispatcherWorker
from workers.incidents.records import new_id
from workers.log.contract import Outgoing
from workers.log.embedded import EmbeddedLog
from workers.runtime.clock import SystemClock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.runtime.logging import configure_logging
from workers.store import Store, open_store
from workers.store.migrate import migrate

OPEN: Final = 50_000
RATE: Final = 2_000  # marks a second
SECONDS: Final = 15
WARM_UP_SECONDS: Final = 5
BATCH_SECONDS: Final = 0.05
BRANDS: Final = ("acme", "umi", "yama", "kaze")

ROUTES: Final = """\
receivers:
  - {{name: desk, webhook: {{url: "{url}"}}, throttle: {{count: 30, per: 1m}}}}
  - {{name: pager, webhook: {{url: "{url}"}}}}
escalations: {{night: [{{notify: pager}}, {{wait: 5m}}, {{notify: desk}}, {{repeat: 3}}]}}
route:
  receivers: [desk]
  routes:
    - {{match: {{severity: critical}}, receivers: [pager], escalation: night}}
    - {{match: {{kind: praise}}, digest: "09:00"}}
    - {{match: {{during: business_hours, severity: high}}, escalation: night}}
"""

_FILL: Final = (
    "INSERT INTO incidents (id, key, latest, scope, brand, desk, kind, severity, influence, status, opened_at, "
    "updated_at, last_post_at, event_at, post_count, author_count, langs, reasons, spans, sample, due_at, escalation) "
    "SELECT 'open' || n, b.brand || '/care/7' || n, true, 'root', b.brand, 'care', 'complaint', n % 4, 0, 'firing', "
    "CAST(:now AS bigint) - n * 30000, CAST(:now AS bigint) - n * 30000, CAST(:now AS bigint) - n * 30000, "
    "CAST(:now AS bigint) - n * 30000, 1, 1, '[\"ja\"]', '[\"says so\"]', '[]', false, :later, "
    "CASE WHEN n % 4 = 3 THEN :escalation END "
    "FROM generate_series(1, :count) AS n JOIN (SELECT ordinality - 1 AS place, brand FROM "
    "unnest(CAST(:brands AS text[])) WITH ORDINALITY AS t(brand, ordinality)) b ON b.place = n % :kinds"
)
_TOLD: Final = (
    "INSERT INTO told (incident, receiver, told_at, arrival, severity) "
    "SELECT id, 'desk', :now, 0, severity FROM incidents"
)
_REPEATS: Final = (
    "INSERT INTO outbox (id, incident, receiver, reason, why, state, weight, created_at, first_due_at, due_at, "
    "attempts) SELECT md5(id), id, 'desk', 'repeat', 'nobody has it', 'scheduled', severity, :now, :later, :later, 0 "
    "FROM incidents"
)


async def fill(store: Store, escalation: str, count: int) -> None:
    """So many open incidents, one opened each half minute, told once, with a repeat to come; a quarter escalated."""
    now = round(time.time() * 1000)
    later = now + 4 * 3_600_000
    async with store.write() as connection:
        values = {"count": count, "brands": list(BRANDS), "kinds": len(BRANDS), "escalation": escalation}
        await connection.execute(text(_FILL), {**values, "now": now, "later": later})
        await connection.execute(text(_TOLD), {"now": now})
        await connection.execute(text(_REPEATS), {"now": now, "later": later})
    async with store.write() as connection:
        await connection.execute(text("ANALYZE"))


def marks(second: int, count: int, open_incidents: int) -> Iterator[tuple[str, bool, bytes, str]]:
    """A second's marks: post id, whether it is critical, the record's value, the brand."""
    for n in range(second * count, (second + 1) * count):
        brand, post = BRANDS[n % len(BRANDS)], f"20{n:017}"
        critical, kind, severity, conversation = False, "neutral", "none", None
        if n % 200 == 0:
            critical, kind, severity = True, "complaint", "critical"
        elif n % 20 == 0:  # joins one of those that are open
            kind, severity = "complaint", "low"
            wanted = (n * 7919) % max(open_incidents, 1)
            conversation = f"7{wanted - wanted % len(BRANDS) + n % len(BRANDS)}"
        elif n % 20 == 10:
            kind, severity = "complaint", "medium"
        elif n % 50 == 3:
            kind = "praise"
        one = arrival(
            id=post, kind=kind, severity=severity, brand=brand, conversation_id=conversation, created=datetime.now(UTC)
        )
        mention = bytes(one.mark.mention).decode()
        yield post, critical, f'{{"mention":{mention},"kind":"{kind}","severity":"{severity}"}}'.encode(), brand


def _listen(pipe: Connection) -> None:
    """In a process of its own: a receiver must not take the time that it measures."""
    with Sink() as sink:
        pipe.send(sink.url)
        pipe.recv()
        pipe.send([(post["id"], r.at) for r in sink.delivered for post in r.json["posts"]])


async def measure(open_incidents: int) -> dict[str, Any]:
    """Run it, and say when alerts arrived."""
    server = PostgresServer.create()
    ours, theirs = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=_listen, args=(theirs,), daemon=True)
    receiver.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(server.create_database().url)
            await migrate(store)
            policy = policy_of(ROUTES.format(url=ours.recv()))
            ended = {"name": "night", "steps": [], "rest": [], "repeats": 0, "rounds": 3}
            await fill(store, json.dumps(ended), open_incidents)
            log = EmbeddedLog(Path(folder), partitions=len(BRANDS))
            await log.create_topics(ALL)
            written = await _run(log, store, policy, open_incidents)
            size = await _bytes(store)
            await log.close()
            await store.close()
        ours.send("done")
        arrived = dict(ours.recv())
    finally:
        receiver.terminate()
        server.remove()
    late = sorted((arrived[post] - at) * 1000 for post, at in written.items() if post in arrived)
    cuts = statistics.quantiles(late, n=100)
    return {"sent": len(written), "arrived": len(late), "p50": cuts[49], "p99": cuts[98], "max": late[-1], "size": size}


async def _run(log: EmbeddedLog, store: Store, policy: Any, open_incidents: int) -> dict[str, float]:
    clock, stopping = SystemClock(), asyncio.Event()
    files: Any = FixedFiles(policy)
    files.brands = tuple(Brand(name=brand, id=brand, keywords=(brand,)) for brand in BRANDS)
    health = StageHealth("dispatcher", clock)
    worker = DispatcherWorker(log, store, files, clock, health, DeadLetters(log, MARKS, "dispatcher", clock), new_id())
    task = asyncio.create_task(worker.run(stopping))
    written: dict[str, float] = {}
    begun, number = time.perf_counter(), 0
    for second in range(WARM_UP_SECONDS + SECONDS):
        made = list(marks(second, RATE, open_incidents))
        step = round(RATE * BATCH_SECONDS)
        for first in range(0, RATE, step):
            await asyncio.sleep(max(0.0, begun + number * BATCH_SECONDS - time.perf_counter()))
            number += 1
            part = made[first : first + step]
            at = time.time()
            await log.produce(MARKS, [Outgoing(BRANDS.index(b), record_key(b, post), v) for post, _, v, b in part])
            if second >= WARM_UP_SECONDS:
                written |= {post: at for post, critical, _, _ in part if critical}
    await asyncio.sleep(2)
    stopping.set()
    await task
    return written


async def _bytes(store: Store) -> int:
    async with store.read() as connection:
        found = await connection.execute(text("SELECT pg_total_relation_size('incidents')"))
        return int(found.scalar_one())


def main(arguments: list[str]) -> None:
    configure_logging("error", "console", secrets=())
    counts = [int(argument) for argument in arguments] or [0, OPEN]
    print("| open incidents | alerts, arrived of sent | mark on the log → webhook, ms: p50 | p99 | max |")
    print("|---|---|---|---|---|")
    for count in counts:
        found = run_async(measure(count))
        print(
            f"| {count:,} | {found['arrived']} of {found['sent']} | {found['p50']:.0f} | {found['p99']:.0f} "
            f"| {found['max']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
