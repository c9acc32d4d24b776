"""A purge reaches everything: no file of the embedded log and store, no table and no key on PostgreSQL and Kafka."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import KafkaSettings
from schemas.mention import record_key
from schemas.topics import ALL, MARKS, MENTIONS, mark_partition, mention_partition
from tests.support.kafka import KafkaBroker
from tests.support.postgres import Database
from tests.workers.incidents.scene import Scene, arrival, ms
from tests.workers.steward.rig import Rig
from workers.incidents.purge import purge
from workers.log.contract import Log, Outgoing
from workers.log.kafka import KafkaLog
from workers.runtime.clock import SystemClock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.letter_box import list_letters
from workers.store import Store, open_store
from workers.store.migrate import migrate
from workers.store.tables import metadata

SECRET = "ひみつの充電器"
POST, EDIT = "1899000000000000077", "1899000000000000078"
EVERY_TABLE = "SELECT * FROM {}"


async def fill(store: Store, log: Log) -> tuple[Scene, list[str]]:
    """A post in two brands with its retweet and an edit, told of, failed, taught, looked up, and a dead letter."""
    scene, clock = Scene(store), SystemClock()
    now = clock.now()
    first = arrival(f"アクメ {SECRET}", created=now, edit_ids=[POST, EDIT], id=POST, revision=1, source="x")
    other = arrival(f"アクメ {SECRET}", created=now, id=POST, brand="beta")
    retweet = arrival(f"アクメ {SECRET}", created=now, retweet_of=EDIT, root=POST, kind="neutral")
    stays = arrival("アクメ、別の話", created=now, root=POST)
    await scene.arrive(first, other, retweet, stays, now=now)
    posts = [a.mention for a in (first, other, retweet, stays)]
    for topic in (MENTIONS, MARKS):
        count = await log.partitions(topic)
        records = [
            Outgoing(
                mention_partition(mention.id, count) if topic is MENTIONS else mark_partition(mention.brand, count),
                mention.key,
                bytes(a.mark.mention),
            )
            for mention, a in zip(posts, (first, other, retweet, stays), strict=True)
        ]
        await log.produce(topic, records)
    where = {"topic": MARKS.name, "partition": 0, "offset": 5}
    await DeadLetters(log, MARKS, "dispatcher", clock).put(
        record_key("acme", POST), SECRET.encode(), "fault", where, ()
    )
    async with store.write() as connection:
        values = {"body": f'{{"posts": ["{SECRET}"]}}', "now": ms(now)}
        found = await connection.execute(text("SELECT id FROM outbox ORDER BY id"))
        rows = list(found.scalars())
        for identity, state in zip(rows, ("frozen", "failed"), strict=False):
            await connection.execute(
                text("UPDATE outbox SET state = :state, body = :body, told = '[]' WHERE id = :id"),
                {"state": state, "id": identity, **values},
            )
        await connection.execute(
            text("INSERT INTO spread_looks (post, at, retweets, quotes, replies, likes) VALUES (:post, 1, 1, 1, 1, 1)"),
            {"post": POST},
        )
    return scene, [retweet.mention.id, stays.mention.id]


async def held(store: Store) -> dict[str, list[str]]:
    """The rows of every table that hold the text, by table."""
    found: dict[str, list[str]] = {}
    async with store.read() as connection:
        for table in metadata.tables:
            for row in await connection.execute(text(EVERY_TABLE.format(table))):
                if SECRET in str(tuple(row)):
                    found.setdefault(table, []).append(str(tuple(row)))
    return found


async def last_values(log: Log, topic: Any) -> dict[bytes, bytes | None]:
    return {
        record.key or b"": record.value
        async for records in log.read(topic, {p: 0 for p, _ in (await log.offsets(topic)).items()})
        for record in records
    }


async def check(store: Store, log: Log) -> None:
    _, (retweet, stays) = await fill(store, log)
    assert set(await held(store)) == {"posts", "outbox", "incidents"}  # the reasons quote it
    now = ms(SystemClock().now())
    gone = await purge(log, store, ["acme", "never-seen"], [EDIT], now, any_id=True)
    assert gone.posts == sorted([("acme", POST), ("beta", POST), ("acme", retweet)])
    assert gone.letters == 1
    assert await held(store) == {}
    async with store.read() as connection:
        left = (await connection.execute(text("SELECT id FROM posts"))).scalars().all()
        looks = (await connection.execute(text("SELECT COUNT(*) FROM spread_looks"))).scalar_one()
        states = set((await connection.execute(text("SELECT state FROM outbox WHERE body IS NOT NULL"))).scalars())
    assert (left, looks, states) == ([stays], 0, set())
    for topic in (MENTIONS, MARKS):
        values = await last_values(log, topic)
        assert [values[record_key("acme", post)] is None for post in (POST, retweet, stays)] == [True, True, False]
        assert values[record_key("never-seen", EDIT)] is None  # a record on its way may be for any brand
    assert not [letter for letter in await list_letters(log, (MENTIONS, MARKS)) if letter.key == f"acme/{POST}"]


async def test_embedded(light: Rig, tmp_path: Path) -> None:
    await check(light.store, light.log)
    async with asyncio.timeout(60):  # the contract's; a reader may have been in the way
        while any(SECRET.encode() in file.read_bytes() for file in tmp_path.glob("*.db*")):
            await light.store.erase_traces()
            await asyncio.sleep(0.2)


@pytest.fixture
async def kafka_log(kafka: KafkaBroker) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers))
    await log.create_topics(ALL)
    yield log
    await log.close()


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.timeout(180)
async def test_on_kafka_and_postgresql(kafka_log: KafkaLog, postgres: Database) -> None:
    store = open_store(postgres.url)
    await migrate(store)
    await check(store, kafka_log)
    await store.close()
