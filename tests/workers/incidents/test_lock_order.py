"""Who locks incidents and brands does so in one order, so that two never wait in a circle; real locks on PostgreSQL."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.workers.incidents.scene import START, Scene, arrival, at, ms
from workers.incidents import change, posts, records, teaching
from workers.incidents.removal import remove
from workers.store import Store


async def until_it_waits(store: Store, task: "asyncio.Task[Any]") -> None:
    """Until the task's transaction waits for a lock (SQLite: for its turn), or is done because it need not."""
    waiting = text(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' LIMIT 1"
    )
    while store.dialect == "postgresql" and not task.done():
        async with store.read() as connection:
            if (await connection.execute(waiting)).first() is not None:
                return
    await asyncio.sleep(0)


async def in_key_order(scene: Scene, first: str, second: str, work: Awaitable[Any]) -> None:
    """`work` while somebody else takes two incidents, the first before it begins and the second once it waits."""
    async with scene.store.write() as other:
        assert first in await records.lock(other, scene.store.dialect, {first})
        task = asyncio.ensure_future(work)
        await until_it_waits(scene.store, task)
        assert not task.done()
        assert second in await records.lock(other, scene.store.dialect, {second})
    await task


async def test_a_revision_locks_the_incident_that_it_leaves_in_its_turn(store: Store) -> None:
    scene = Scene(store)
    await scene.arrive(arrival(id="100"), arrival(id="200"))
    one, two = [await scene.incident(f"acme/care/{root}") for root in ("100", "200")]
    revised = arrival(id="100", revision=1, kind="neutral", severity="none")
    await in_key_order(scene, one.id, two.id, scene.arrive(revised, arrival(root="200")))
    assert (await scene.incident("acme/care/200")).post_count == 2


async def test_what_is_taught_of_an_old_incidents_post_locks_that_in_its_turn(store: Store) -> None:
    scene = Scene(store, reopen_within=timedelta(hours=1))
    await scene.arrive(arrival(id="100"))
    old = await scene.incident("acme/care/100")
    async with store.write() as connection:
        await change.resolve(connection, store.dialect, scene.policy, [old.id], by="mika", reason="", now=ms(START))
    many = [arrival(created=at(hours=3)) for _ in range(25)]
    await scene.arrive(arrival(root="100", created=at(hours=3)), *many, now=at(hours=3))
    assert (await scene.incident("acme/care/100")).id != old.id
    burst = await scene.incident("acme/care/burst")

    async def taught() -> None:
        async with store.write() as connection:
            await teaching.teach(
                connection, store.dialect, scene.policy, "acme", "100", "irrelevant", by="yuki", now=at(hours=4)
            )

    await in_key_order(scene, old.id, burst.id, taught())
    (row,) = await scene.rows("SELECT kind, incident FROM posts WHERE id = '100'")
    assert (row.kind, row.incident) == ("irrelevant", None)


async def test_a_batch_locks_all_its_brands_at_once_and_in_order(store: Store) -> None:
    """A second revision in a batch begins a second part, and nulls come last: their brands are not locked later."""
    scene = Scene(store)
    await scene.arrive(arrival(id="1"), arrival(id="2", brand="bolt"), arrival(id="3", brand="cozy"))

    async def batch() -> None:
        twice = [arrival(id="3", brand="cozy", revision=number) for number in (1, 2)]
        await scene.arrive(*twice, arrival(id="4", brand="bolt"), removals=[("acme", "1")])

    async with store.write() as other:
        await posts.hold_brands(other, store.dialect, ["acme"])
        task = asyncio.ensure_future(batch())
        await until_it_waits(store, task)
        await posts.hold_brands(other, store.dialect, ["bolt", "cozy"])
    await task
    assert {row.id for row in await scene.rows("SELECT id FROM posts")} == {"2", "3", "4"}


@pytest.mark.parametrize("again", [{"id": "100"}, {"id": "200", "retweet_of": "100"}])
async def test_a_removal_under_way_keeps_a_post_out_that_comes_meanwhile(store: Store, again: dict[str, str]) -> None:
    scene = Scene(store)
    await scene.arrive(arrival())  # the brand is known
    async with store.write() as other:
        await remove(other, store.dialect, [("acme", "100")], ms(START))
        task = asyncio.ensure_future(scene.arrive(arrival(**again)))
        await until_it_waits(store, task)
        assert not task.done()
    outcome = await task
    assert (outcome.stored, outcome.returned) == (0, [("acme", again["id"])])
