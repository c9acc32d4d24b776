"""Nothing that a log acknowledged is lost, however its writer ends."""

import asyncio
import sys
from pathlib import Path

from schemas.topics import Topic
from tests.contract.logs import Place, numbers, read_all, record
from tests.support.process import Process
from workers.log.contract import Log

ROOT = Path(__file__).parent.parent.parent


def member(place: Place, folder: Path, role: str, topic: Topic, *rest: str, name: str) -> Process:
    """Another process on this log; see `tests.contract.member`."""
    command = [sys.executable, "-m", "tests.contract.member"]
    arguments = [role, *place.arguments(), topic.name, *rest]
    return Process(arguments, folder=folder, command=command, name=name, settings={"PYTHONPATH": str(ROOT)})


def acknowledged(process: Process) -> int:
    lines = [line for line in process.stdout.split("\n")[:-1] if line.startswith("acknowledged")]
    return int(lines[-1].split()[1]) if lines else 0


async def test_kill_9_of_a_writer_loses_nothing_acknowledged(
    place: Place, log: Log, topic: Topic, tmp_path: Path
) -> None:
    for round_ in range(3):
        before = {partition: end for partition, (_, end) in (await log.offsets(topic)).items()}
        with member(place, tmp_path, "produce", topic, name=f"writer-{round_}") as writer:
            async with asyncio.timeout(20):
                while acknowledged(writer) < 100:
                    assert writer.returncode is None, writer.stderr
                    await asyncio.sleep(0.02)
            writer.kill()
            told = acknowledged(writer)
        found = numbers(await read_all(log, topic, before))
        assert set(range(told)) <= set(found)
        assert len(found) == len(set(found)) <= told + 5  # at most the batch that was under way
    await log.produce(topic, [record(999)])  # and the log goes on
    assert 999 in numbers(await read_all(log, topic))
