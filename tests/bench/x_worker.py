"""The stream worker in a process of its own, for `x_faults`: X's time scaled down, all it says as JSON lines."""

import asyncio
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import msgspec
import structlog
from pydantic import SecretStr

from config.x_settings import XSettings
from schemas.mention import Mention
from schemas.topics import ALL, MENTIONS
from tests.workers.stream.x.rig import Files, scaled
from workers.log.embedded import EmbeddedLog
from workers.runtime.clock import SystemClock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.store import open_store
from workers.store.migrate import migrate
from workers.stream.worker import StreamWorker
from workers.stream.x.source import XSource

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
REFUSED_SECONDS = 2.0  # not scaled: the contract's quarter of an hour would make the table an hour long


def tell(kind: str, value: Any) -> None:
    print(json.dumps([time.time(), kind, value], ensure_ascii=False), flush=True)


def _say(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    tell("said", {name: value for name, value in event.items() if isinstance(value, str | int | float)})
    raise structlog.DropEvent


async def report() -> None:
    """Memory and processor time, each half second."""
    while True:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        used = resource.getrusage(resource.RUSAGE_SELF)
        tell("use", {"rss": pages * PAGE_BYTES, "cpu": used.ru_utime + used.ru_stime})
        await asyncio.sleep(0.5)


async def work(url: str, token: str, folder: Path, speed: float) -> None:
    clock = SystemClock()
    log, store = EmbeddedLog(folder), open_store(f"sqlite:///{folder}/store.db")
    await log.create_topics(ALL)
    await migrate(store)
    produce = log.produce

    async def told(topic: Any, records: Any) -> None:
        await produce(topic, records)
        if topic.name != MENTIONS.name:
            return
        tell("stored", [msgspec.json.decode(record.value, type=Mention).id for record in records])

    log.produce = told  # type: ignore[method-assign]
    files: Any = Files()
    health = StageHealth("stream", clock)
    settings = XSettings(bearer_token=SecretStr(token), base_url=url, monthly_posts=None)
    pace = scaled(speed, refused=REFUSED_SECONDS, lease=2.0, save=0.2)
    source = XSource(settings, store, lambda: files.brands, health, clock, owner="bench", pace=pace)
    worker = StreamWorker(log, source, files, clock, health, DeadLetters(log, MENTIONS, "stream", clock))
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    reporting = asyncio.create_task(report())
    await worker.run(stopping)
    reporting.cancel()
    await log.close()
    await store.close()


if __name__ == "__main__":
    structlog.configure(processors=[_say], wrapper_class=structlog.make_filtering_bound_logger(20))
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])))
