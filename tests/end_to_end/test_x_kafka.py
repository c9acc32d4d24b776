"""`hikeshi worker stream` on the simulated X and a real broker, killed with −9: every post is on the topic once."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from config.settings import KafkaSettings
from schemas.mention import Mention
from schemas.topics import MENTIONS
from tests.end_to_end.test_x import RECOVERED_SECONDS, SECRET, Crowd, X
from tests.support.kafka import KafkaBroker
from tests.support.postgres import Database
from workers.log.kafka import KafkaLog
from workers.simulator.options import Options
from workers.simulator.server import Simulator, SimulatorThread


async def on_topic(servers: str) -> Counter[str]:
    """How often each post is there."""
    log = KafkaLog(KafkaSettings(bootstrap_servers=servers))
    found: Counter[str] = Counter()
    try:
        starts = {partition: start for partition, (start, _) in (await log.offsets(MENTIONS)).items()}
        async for records in log.read(MENTIONS, starts):
            found.update(msgspec.json.decode(r.value, type=Mention).id for r in records if r.value is not None)
    finally:
        await log.close()
    return found


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.timeout(240)
def test_a_stream_worker_killed_with_9_loses_nothing(
    tmp_path: Path, fresh_broker: KafkaBroker, postgres: Database
) -> None:
    servers = fresh_broker.bootstrap_servers
    with SimulatorThread(Simulator(Options(speed=10, token=SECRET))) as thread:
        x = X(tmp_path, thread)
        x.settings |= {
            "HIKESHI_KAFKA__BOOTSTRAP_SERVERS": servers,
            "HIKESHI_KAFKA__INSTANCE": "one",  # by its name it finds its own lease again at once
            "HIKESHI_STORE__URL": postgres.url,
        }
        with x.start("init", name="init") as init:
            assert init.wait() == 0, init.stderr
        crowd = Crowd(thread)
        with x.start("worker", "stream", name="first") as process:
            process.wait_for_log("stream_connected", 60)
            crowd.start()
            time.sleep(4)
            process.kill()
        time.sleep(2)
        with x.start("worker", "stream", name="second") as process:
            process.wait_for_log("gap_recovered", RECOVERED_SECONDS)
            crowd.stop()
            deadline = time.monotonic() + RECOVERED_SECONDS
            while set(found := asyncio.run(on_topic(servers))) != x.owed() and time.monotonic() < deadline:
                time.sleep(1)
            assert process.terminate() == 0, process.stderr[-3000:]
        assert set(found) == x.owed()
        assert max(found.values()) == 1
        assert len(found) == crowd.said
        assert x.connects() <= 3
        with x.start("usage", name="usage") as usage:
            assert usage.wait() == 0, usage.stderr
            assert f" {crowd.said} " in usage.stdout
        assert SECRET not in (tmp_path / "first.err").read_text() + (tmp_path / "second.err").read_text()
