"""What is forgotten and what stays, by when it came; in steps, and never what an open incident needs."""

from datetime import timedelta

import pytest

from tests.workers.incidents.scene import arrival
from tests.workers.steward.rig import Rig, ms
from workers.steward import retention

OLD = timedelta(days=900)  # the posts of the tests were written long ago: it does not matter


async def forget(one: Rig, **steward: object) -> None:
    """Half an hour apart, as many steps as there are."""
    async with one.tasks(**steward) as tasks:
        for _ in range(100):
            if await tasks["forgetting"].turn() > 600:
                return
    raise AssertionError("it never rests")


async def counts(one: Rig) -> dict[str, int]:
    tables = ("posts", "incidents", "events", "incident_authors", "told", "outbox", "minutes", "removed")
    return {
        table: (await one.rows(f"SELECT COUNT(*) AS n FROM {table}"))[0].n  # noqa: S608
        for table in tables
    }


async def test_posts_go_by_when_they_came_and_an_open_incident_keeps_its_own(one: Rig) -> None:
    written = one.clock.now() - OLD
    over, alive = arrival(created=written), arrival(created=written)
    neutral = arrival("アクメの店", kind="neutral", created=written)
    await one.scene.arrive(over, alive, neutral, now=one.clock.now())
    await one.execute(
        "UPDATE incidents SET status = 'resolved', resolved_at = :now WHERE key = :key",
        now=ms(one.clock.now()), key=f"acme/care/{over.mention.id}",
    )  # fmt: skip
    await forget(one)  # however old they say they are
    assert (await counts(one))["posts"] == 3
    one.clock.move(days=89)
    young = arrival(created=written)
    await one.scene.arrive(young, now=one.clock.now())
    await forget(one)
    assert (await counts(one))["posts"] == 4
    one.clock.move(days=2)
    await forget(one)
    assert await one.posts() == {alive.mention.id, young.mention.id}
    assert await one.scene.incidents() == {
        f"acme/care/{over.mention.id}": "resolved",
        f"acme/care/{alive.mention.id}": "firing",
        f"acme/care/{young.mention.id}": "firing",
    }


async def test_incidents_go_with_all_that_tells_of_them_and_removed_ids_stay(one: Rig) -> None:
    first, second = arrival(created=one.clock.now()), arrival(created=one.clock.now())
    await one.scene.arrive(first, second, now=one.clock.now())
    incident = await one.scene.incident(f"acme/care/{first.mention.id}")
    await one.scene.told(incident, "desk", one.clock.now())
    await forget(one)
    await one.scene.arrive(removals=[("acme", first.mention.id)], now=one.clock.now())  # it is resolved by that
    one.clock.move(days=399)
    await forget(one)
    assert len(await one.scene.incidents()) == 2
    one.clock.move(days=3)
    await forget(one)
    assert await one.scene.incidents() == {f"acme/care/{second.mention.id}": "firing"}
    left = await counts(one)
    assert (left["incidents"], left["told"], left["removed"], left["incident_authors"]) == (1, 0, 1, 1)
    assert not await one.rows("SELECT 1 FROM events WHERE incident = :id", id=incident.id)
    await one.scene.arrive(first, now=one.clock.now())
    assert await one.posts() == {second.mention.id}


async def test_what_was_sent_goes_and_what_waits_or_failed_stays(one: Rig) -> None:
    await one.scene.arrive(*(arrival(created=one.clock.now()) for _ in range(4)), now=one.clock.now())
    ids = [row.id for row in await one.rows("SELECT id FROM outbox ORDER BY id")]
    assert len(ids) == 4
    for post, state in zip(ids, ("sent", "cancelled", "failed"), strict=False):
        values = {"id": post, "state": state, "now": ms(one.clock.now())}
        await one.execute("UPDATE outbox SET state = :state, finished_at = :now WHERE id = :id", **values)
    one.clock.move(days=29)
    await forget(one)
    assert (await counts(one))["outbox"] == 4
    one.clock.move(days=2)
    await forget(one)
    assert sorted(row.state for row in await one.rows("SELECT state FROM outbox")) == ["failed", "scheduled"]


async def test_counts_by_minute_stay_while_their_posts_do(one: Rig) -> None:
    written = one.clock.now() - OLD
    await one.scene.arrive(arrival(created=written), arrival(kind="praise", created=written), now=one.clock.now())
    recent = arrival("アクメいいね", kind="praise", created=one.clock.now())
    await one.scene.arrive(recent, now=one.clock.now())
    await forget(one)
    assert (await counts(one))["minutes"] == 2  # the complaint's minute, and the recent one
    await one.execute("UPDATE incidents SET status = 'resolved', resolved_at = :now", now=ms(one.clock.now()))
    one.clock.move(days=91)
    await forget(one)
    one.clock.move(days=1)
    await forget(one)
    assert (await counts(one))["posts"] == 0
    assert (await counts(one))["minutes"] == 1
    assert (await counts(one))["incidents"] == 3


async def test_0s_keeps_for_ever(light: Rig) -> None:
    await light.scene.arrive(arrival("アクメの店", kind="neutral", created=light.clock.now()), now=light.clock.now())
    forever = dict.fromkeys(("keep_posts", "keep_incidents", "keep_notifications", "keep_minutes"), timedelta(0))
    await forget(light, **forever)
    light.clock.move(days=3000)
    await forget(light, **forever)
    assert (await counts(light))["posts"] == 1


async def test_a_long_walk_is_made_of_small_steps(light: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_PAGE", 10)
    many = [arrival(f"アクメ {n}", kind="neutral", created=light.clock.now()) for n in range(95)]
    await light.scene.arrive(*many, now=light.clock.now())
    await forget(light)
    light.clock.move(days=91)
    await light.scene.arrive(arrival("アクメ", kind="neutral", created=light.clock.now()), now=light.clock.now())
    async with light.tasks() as tasks:
        before = len(await light.posts())
        while await tasks["forgetting"].turn() < 600:
            after = len(await light.posts())
            assert before - after <= 10
            before = after
    assert before == 1
