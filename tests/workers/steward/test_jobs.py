"""Compliance jobs over real HTTP: what they find goes, what they can't say removes nothing."""

from datetime import timedelta

import msgspec

from tests.workers.steward.rig import Rig, ms
from workers.simulator.faults import Fault
from workers.steward.checking import Checking
from workers.steward.worker import Task


def checking(tasks: dict[str, Task]) -> Checking:
    task = tasks["checking"]
    assert isinstance(task, Checking)
    return task


async def finished(one: Rig, jobs: Task, turns: int = 30) -> None:
    """Let the job come to its end: X's clock runs on by itself, ours is moved."""
    for _ in range(turns):
        wait = await jobs.turn()
        if wait > 3000:
            return
        if wait > 0:
            one.clock.move(seconds=wait)
    raise AssertionError("the job never ends")


async def test_a_job_tells_what_is_gone_and_costs_nothing(one: Rig) -> None:
    posts = [one.say(f"アクメ {n}", ago=timedelta(days=n)) for n in (1, 30, 60, 80)]
    ids = await one.hold(*posts)
    await one.hold(one.say("アクメ"), source="replay")
    one.world.remove(posts[1].id)
    one.world.remove(posts[2].id, "suspended")
    async with one.tasks(removals="auto") as tasks:
        await finished(one, tasks["jobs"])
        assert await one.posts() & set(ids) == {ids[0], ids[3]}
        assert checking(tasks).only_free
        asked = one.asked("compliance")
        await tasks["jobs"].turn()
        assert one.asked("compliance") == asked  # until its time comes again
        one.clock.move(hours=12)
        one.world.remove(posts[0].id)
        await finished(one, tasks["jobs"])
        assert await one.posts() & set(ids) == {ids[3]}
    assert one.world.meter.used == 0


async def test_a_time_from_before_the_clock_was_put_back_is_not_waited_for(light: Rig) -> None:
    post = light.say("アクメ")
    await light.hold(post)
    light.world.remove(post.id)
    in_a_month = msgspec.json.encode({"next_at": ms(light.clock.now() + timedelta(days=30))}).decode()
    await light.execute("INSERT INTO steward_state (name, state) VALUES ('jobs', :state)", state=in_a_month)
    async with light.tasks(removals="compliance") as tasks:
        await finished(light, tasks["jobs"])
    assert await light.posts() == set()


async def test_a_restart_goes_on_with_the_same_job(one: Rig) -> None:
    post = one.say("アクメ")
    await one.hold(post)
    one.world.remove(post.id)
    async with one.tasks(removals="compliance") as tasks:
        await tasks["jobs"].turn()
    async with one.tasks(removals="compliance") as tasks:
        await finished(one, tasks["jobs"])
    assert await one.posts() == set()
    assert sum(r.method == "POST" for r in one.world.requests) == 1


async def test_where_x_takes_no_job_look_ups_must_do_and_later_jobs_again(light: Rig) -> None:
    await light.hold(light.say("アクメ", ago=timedelta(days=3)))
    light.world.order(Fault.FORBIDDEN, on=["compliance"])
    async with light.tasks(removals="auto") as tasks:
        await light.turns(tasks["checking"])
        assert light.asked() == 0  # the jobs do it, for all that is known
        await tasks["jobs"].turn()
        assert not checking(tasks).only_free
        await light.turns(tasks["checking"])
        assert light.asked() == 1
        await tasks["jobs"].turn()
        assert checking(tasks).only_free
    light.world.order(Fault.FORBIDDEN, on=["compliance"])
    async with light.tasks(removals="compliance") as tasks:
        light.clock.move(hours=13)
        await tasks["jobs"].turn()
        assert checking(tasks).only_free  # told to use nothing else


async def test_faults_and_another_job_are_waited_out(light: Rig) -> None:
    post = light.say("アクメ")
    await light.hold(post)
    light.world.remove(post.id)
    for fault in (Fault.RATE_LIMITED, Fault.HTML_503, Fault.DROP, Fault.CONFLICT):
        light.world.order(fault, on=["compliance"])
    async with light.tasks(removals="compliance") as tasks:
        await tasks["jobs"].turn()
        assert await light.posts() == {str(post.id)}
        await finished(light, tasks["jobs"], 60)
    assert await light.posts() == set()
    assert {r.status for r in light.world.requests if r.endpoint == "compliance"} >= {429, 503, 409, 200}


async def test_a_job_that_says_that_all_is_gone_is_not_believed(light: Rig) -> None:
    posts = [light.say(f"アクメ {n}", username=f"u{n}") for n in range(15)]
    ids = await light.hold(*posts)
    for post in posts:
        light.world.remove(post.id)
    async with light.tasks(removals="compliance") as tasks:
        await finished(light, tasks["jobs"])
        assert await light.posts() == set(ids)
        assert await light.alerts() == {"removals_held"}
