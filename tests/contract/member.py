"""A process of the contract suite, to be killed or frozen: python -m tests.contract.member ROLE LOG WHERE TOPIC …

`produce`: writes numbered records one after the other and prints each number once the log has acknowledged it.
`consume GROUP INSTANCE`: a member of the group that prints what it is given, and commits it.
"""

import asyncio
import sys
from pathlib import Path

from config.settings import KafkaSettings
from schemas.errors import FencedError, UnavailableError
from schemas.topics import Topic
from tests.contract.logs import PARTITIONS, numbers, record
from workers.log.contract import Log
from workers.log.embedded import EmbeddedLog
from workers.log.kafka import KafkaLog

SESSION_SECONDS = 3.0


def say(*words: object) -> None:
    print(*words, flush=True)


def opened(kind: str, where: str, instance: str | None = None) -> Log:
    if kind == "embedded":
        return EmbeddedLog(Path(where), partitions=None)
    settings = KafkaSettings(bootstrap_servers=where, instance=instance)
    return KafkaLog(settings, session_seconds=SESSION_SECONDS)


async def produce(kind: str, where: str, topic: Topic) -> None:
    log = opened(kind, where)
    number = 0
    while True:
        batch = [record(n, partition=n % PARTITIONS) for n in range(number, number + 5)]
        await log.produce(topic, batch)
        number += len(batch)
        say("acknowledged", number)


async def consume(kind: str, where: str, topic: Topic, group: str, instance: str | None) -> None:
    log = opened(kind, where, instance)

    async def on_assigned(partitions: set[int]) -> None:
        say("assigned", *sorted(partitions))

    async def on_revoked(partitions: set[int]) -> None:
        say("revoked", *sorted(partitions))

    consumer = await log.consumer(topic, group, on_assigned=on_assigned, on_revoked=on_revoked)
    while True:
        try:
            for partition, records in (await consumer.poll(100, 0.2)).items():
                say("took", *numbers(records))
                await consumer.commit({partition: records[-1].offset + 1})
        except FencedError:
            say("fenced")
        except UnavailableError:
            say("unavailable")


def main() -> None:
    role, kind, where, name, *rest = sys.argv[1:]
    topic = Topic(name, PARTITIONS)
    if role == "produce":
        asyncio.run(produce(kind, where, topic))
    else:
        group, instance = rest[0], rest[1] if len(rest) > 1 else None
        asyncio.run(consume(kind, where, topic, group, instance))


if __name__ == "__main__":
    main()
