"""How far incidents spread: looked up in time, the gravest first, kept, shown, and forgotten with the post."""

from datetime import timedelta
from typing import Any

from tests.workers.steward.rig import Rig
from workers.store.queries import incident_details

NOW = timedelta(0)


async def shown(one: Rig, key: str) -> Any:
    incident = await one.scene.incident(key)
    (details,) = await incident_details(one.store, [incident.id])
    return details["spread"]


async def test_an_incident_knows_how_far_and_how_fast_it_spreads(light: Rig) -> None:
    post = light.say("アクメ最悪", ago=NOW)
    await light.hold(post)
    key = f"acme/care/{post.id}"
    async with light.tasks(spread="5m, 15m, 30m") as tasks:
        await light.turns(tasks["watching"])
        assert (light.asked(), await shown(light, key)) == (0, None)
        for minutes, retweets in ((5, 10), (15, 40), (30, 0), (30, 0)):
            light.clock.move(minutes=minutes - 1)
            await light.turns(tasks["watching"])
            for number in range(retweets):
                light.world.say("", retweet_of=post, username=f"r{number}")
            light.clock.move(minutes=1)
            await light.turns(tasks["watching"])
    spread = await shown(light, key)
    assert light.asked() == 4
    assert (spread["retweets"], spread["likes"]) == (50, 150)
    assert [look["retweets"] for look in spread["posts"][0]["looks"]] == [10, 50, 50, 50]
    assert spread["an_hour"]["retweets"] == 0
    assert light.world.meter.used == 1  # once a UTC day


async def test_growth_is_that_of_the_last_two_looks(light: Rig) -> None:
    post = light.say("アクメ最悪", ago=NOW)
    await light.hold(post)
    async with light.tasks(spread="5m, 15m") as tasks:
        for minutes, retweets in ((5, 10), (15, 40)):
            light.clock.move(minutes=minutes)
            for number in range(retweets):
                light.world.say("", retweet_of=post, username=f"r{number}")
            await light.turns(tasks["watching"])
    rate = (await shown(light, f"acme/care/{post.id}"))["an_hour"]["retweets"]
    assert 150 < rate < 165  # 40 in fifteen minutes


async def test_of_a_burst_the_loudest_posts(one: Rig) -> None:
    posts = [one.say(f"アクメ {n}", ago=NOW, username=f"u{n}") for n in range(25)]
    await one.hold(*posts[:-1])
    await one.hold(posts[-1], influence="influencer")
    assert (await one.scene.incidents())["acme/care/burst"] == "firing"
    one.world.say("", retweet_of=posts[-1])
    async with one.tasks(spread="5m", spread_posts=3) as tasks:
        one.clock.move(minutes=6)
        await one.turns(tasks["watching"])
    spread = await shown(one, "acme/care/burst")
    assert (spread["retweets"], len(spread["posts"])) == (1, 3)
    assert str(posts[-1].id) in [post["id"] for post in spread["posts"]]


async def test_replayed_and_resolved_ones_are_not_asked_for_and_money_goes_to_the_gravest(one: Rig) -> None:
    low, high, replayed, over = (one.say(f"アクメ {n}", ago=NOW) for n in range(4))
    await one.hold(low, over, severity="low")
    await one.hold(high, severity="critical")
    await one.hold(replayed, source="replay")
    await one.execute("UPDATE incidents SET status = 'resolved' WHERE key = :key", key=f"acme/care/{over.id}")
    async with one.tasks(spread="5m", usd_a_day=0.005) as tasks:
        one.clock.move(minutes=6)
        await one.turns(tasks["watching"])
        assert {row.post for row in await one.rows("SELECT post FROM spread_looks")} == {str(high.id)}
        one.clock.move(minutes=6)
        await one.turns(tasks["watching"])
        assert one.world.meter.used == 1


async def test_a_root_that_is_gone_is_removed_where_we_hold_it_and_no_longer_asked_for_at_each_turn(one: Rig) -> None:
    post = one.say("アクメ最悪", ago=timedelta(hours=2))
    await one.hold(post)
    async with one.tasks(spread="5m") as tasks:
        one.clock.move(minutes=6)
        await one.turns(tasks["watching"])
        one.world.remove(post.id)
        one.clock.move(minutes=6)
        await one.turns(tasks["watching"])
        await one.turns(tasks["watching"])
        assert one.asked() == 2
        one.clock.move(seconds=61)
        await one.turns(tasks["checking"])
    assert await one.posts() == set()
    assert await one.rows("SELECT 1 FROM spread_looks") == []
