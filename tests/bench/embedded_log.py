"""The embedded log: write, read, pass through, latency, classifier stage: python -m tests.bench.embedded_log."""

import asyncio
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from schemas.topics import MARKS, MENTIONS, Topic
from tests.bench.posts import outgoing
from tests.bench.stage_parts import Measure, Meter, run_stage, table
from workers.cli.house import run_async
from workers.log.contract import Outgoing
from workers.log.embedded import EmbeddedLog

COUNT = 200_000
BATCH = 2_000
ROUNDS = 3
LATENCY_POSTS = 1_000
LATENCY_RATE = 250  # a second: what X allows an account
COPIES = Topic("bench-copies", 1)


async def write(log: EmbeddedLog) -> Measure:
    batches = [outgoing(first, BATCH, 1) for first in range(0, COUNT, BATCH)]
    meter = Meter(0)
    for batch in batches:
        await log.produce(MENTIONS, batch)
    return meter.measure(COUNT)


async def pass_through(log: EmbeddedLog) -> Measure:
    """Read, write again, commit."""
    consumer = await log.consumer(MENTIONS, "pass-through")
    meter, handled = Meter(0), 0
    while handled < COUNT:
        for partition, records in (await consumer.poll(BATCH, 1.0)).items():
            await log.produce(COPIES, [Outgoing(0, one.key or b"", one.value, one.headers) for one in records])
            await consumer.commit({partition: records[-1].offset + 1})
            handled += len(records)
    return meter.measure(COUNT)


async def read(log: EmbeddedLog) -> Measure:
    meter, handled = Meter(0), 0
    async for records in log.read(MENTIONS, {}):
        handled += len(records)
    return meter.measure(handled)


async def latency(log: EmbeddedLog) -> list[float]:
    """Milliseconds from the call of `produce` until a waiting consumer has the record."""
    topic = Topic("bench-latency", 1)
    await log.create_topics([topic])
    consumer = await log.consumer(topic, "latency")
    taken: list[float] = []

    async def take() -> None:
        while len(taken) < LATENCY_POSTS:
            for records in (await consumer.poll(BATCH, 1.0)).values():
                taken.extend((time.perf_counter() - float(one.value or b"0")) * 1000 for one in records)

    taking = asyncio.create_task(take())
    for number in range(LATENCY_POSTS):
        await asyncio.sleep(1 / LATENCY_RATE)
        await log.produce(topic, [Outgoing(0, b"k/%d" % number, str(time.perf_counter()).encode())])
    await taking
    return taken


async def measure(folder: Path) -> str:
    rows: dict[str, list[Measure]] = {"write": [], "read": [], "pass through": [], "classifier stage": []}
    delays: list[float] = []
    for number in range(ROUNDS):
        place = folder / str(number)
        place.mkdir()
        log = EmbeddedLog(place)
        await log.create_topics([MENTIONS, MARKS, COPIES, MENTIONS.dead_letters])
        rows["write"].append(await write(log))
        rows["read"].append(await read(log))
        rows["pass through"].append(await pass_through(log))
        rows["classifier stage"].append(await run_stage(log, COUNT))
        delays += await latency(log)
        await log.close()
        shutil.rmtree(place)
    cuts = statistics.quantiles(delays, n=100)
    told = f"publish → consume at {LATENCY_RATE}/s: p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms"
    return table(rows, "records/s, one process, fsync at each commit") + "\n\n" + told


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hikeshi-bench-"))
    try:
        print(run_async(measure(folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
