"""Look-ups of what is held, on both stores and over real HTTP: what goes, what stays, and what never may go."""

from datetime import timedelta

import msgspec

from schemas.mention import record_key
from schemas.topics import MARKS, MENTIONS
from tests.workers.steward.rig import Rig
from workers.simulator.faults import Fault
from workers.simulator.options import TOKEN
from workers.x.keeper import credential_name


async def test_what_x_shows_no_more_goes_from_everywhere_at_the_second_asking(one: Rig) -> None:
    stays, deleted, protected, withheld, suspended = (one.say(f"アクメ {n} 台目も壊れた") for n in range(5))
    ids = await one.hold(stays, deleted, protected, withheld, suspended)
    one.world.remove(deleted.id)
    one.world.remove(protected.id, "protected")
    one.world.remove(suspended.id, "suspended")
    one.world.withhold(withheld.id, "JP")
    async with one.tasks() as tasks:
        await one.turns(tasks["checking"])
        assert await one.posts() == set(ids)  # X has said it once
        one.clock.move(seconds=61)
        await one.turns(tasks["checking"])
        assert await one.posts() == {str(stays.id)}
        assert {row.id for row in await one.rows("SELECT id FROM removed")} == set(ids[1:])
        for topic in (MENTIONS, MARKS):
            values = await one.on_topic(topic)
            assert [values[record_key("acme", post_id)] is None for post_id in ids] == [False, True, True, True, True]
        asked = one.asked()
        await one.turns(tasks["checking"])
        assert one.asked() == asked  # the sweep is done
    await one.hold(deleted)  # a replay, a recovery
    assert await one.posts() == {str(stays.id)}
    assert await one.alerts() == set()


async def test_an_incident_is_told_without_the_removed_post(one: Rig) -> None:
    """What is scheduled goes on without it; one that lost its only post is resolved."""
    first, second = one.say("アクメ最悪"), one.say("Acme is down")
    await one.hold(first, second)
    one.world.remove(first.id)
    async with one.tasks() as tasks:
        await one.turns(tasks["checking"])
        one.clock.move(seconds=61)
        await one.turns(tasks["checking"])
    assert await one.scene.incidents() == {f"acme/care/{first.id}": "resolved", f"acme/care/{second.id}": "firing"}


FAULTS = (
    Fault.RATE_LIMITED, Fault.RATE_LIMITED_NO_RESET, Fault.HTML_503, Fault.DROP, Fault.UNAUTHORIZED, Fault.FORBIDDEN,
    Fault.USAGE_CAP, Fault.CREDITS_DEPLETED,
)  # fmt: skip


async def test_no_fault_of_xs_removes_anything(light: Rig) -> None:
    stays, gone = light.say("Acme broke"), light.say("Acme broke again")
    await light.hold(stays, gone)
    light.world.remove(gone.id)
    async with light.tasks(first_day_every="1d") as tasks:
        for fault in FAULTS:
            light.world.order(fault, on=["lookup"])
        await light.turns(tasks["checking"], 200)
        assert {request.status for request in light.world.requests} >= {429, 503, 401, 403, 402, 200}
        assert len(await light.posts()) == 2
        light.clock.move(seconds=61)
        for fault in FAULTS:
            light.world.order(fault, on=["lookup"])
        await light.turns(tasks["checking"], 200)
        assert await light.posts() == {str(stays.id)}


async def test_a_post_that_comes_back_before_the_second_asking_stays(light: Rig) -> None:
    post = light.say("Acme broke")
    await light.hold(post)
    light.world.remove(post.id)
    async with light.tasks() as tasks:
        await light.turns(tasks["checking"])
        light.world.archive.removed.clear()  # it was a fault of X's
        light.clock.move(seconds=61)
        await light.turns(tasks["checking"])
        light.clock.move(seconds=600)
        await light.turns(tasks["checking"])
    assert await light.posts() == {str(post.id)}


async def test_too_many_at_once_wait_for_a_person_and_ops_are_told_until_it_is_over(one: Rig) -> None:
    posts = [one.say(f"アクメ {n}", username=f"u{n}") for n in range(60)]
    ids = await one.hold(*posts)
    for post in posts[:30]:
        one.world.remove(post.id)
    async with one.tasks() as tasks:
        await one.turns(tasks["checking"])
        one.clock.move(seconds=61)
        await one.turns(tasks["checking"])
        assert await one.posts() == set(ids)
        assert await one.alerts() == {"removals_held"}
        one.clock.move(minutes=30)
        asked = one.asked()
        await one.turns(tasks["checking"])
        assert one.asked() == asked
        for post in posts[:24]:
            one.world.archive.removed.pop(post.id)
        one.clock.move(minutes=31)
        await one.turns(tasks["checking"])
        assert await one.posts() == set(ids[:24]) | set(ids[30:])
        one.clock.move(hours=6)
        await one.turns(tasks["checking"])
        assert await one.alerts() == set()


async def test_with_a_share_of_1_all_may_go(light: Rig) -> None:
    posts = [light.say(f"アクメ {n}", username=f"u{n}") for n in range(12)]
    await light.hold(*posts)
    for post in posts:
        light.world.remove(post.id)
    async with light.tasks(removal_share=1.0) as tasks:
        await light.turns(tasks["checking"])
        light.clock.move(seconds=61)
        await light.turns(tasks["checking"])
    assert await light.posts() == set()


async def test_young_posts_and_those_of_files_are_left_alone(light: Rig) -> None:
    young, replayed = light.say("Acme now", ago=timedelta(minutes=5)), light.say("Acme once")
    await light.hold(young)
    await light.hold(replayed, source="replay")
    async with light.tasks() as tasks:
        await light.turns(tasks["checking"])
        assert light.asked() == 0
        light.clock.move(hours=6, minutes=1)
        await light.turns(tasks["checking"])
        assert light.asked() == 1


async def test_a_hundred_in_a_request_and_a_restart_goes_on_where_it_was(light: Rig) -> None:
    posts = [light.say(f"アクメ {n}", username=f"u{n % 40}") for n in range(250)]
    await light.hold(*posts)
    async with light.tasks(usd_a_day=10.0) as tasks:
        await tasks["checking"].turn()
        assert light.asked() == 1
    async with light.tasks(usd_a_day=10.0) as tasks:
        await light.turns(tasks["checking"])
    assert light.asked() == 3
    assert light.world.meter.used == 250


async def test_the_days_money_is_the_end_and_the_next_day_goes_on(light: Rig) -> None:
    posts = [light.say(f"アクメ {n}", username=f"u{n}") for n in range(5)]
    await light.hold(*posts)
    async with light.tasks(usd_a_day=0.01, first_day_every="1h") as tasks:
        await light.turns(tasks["checking"])
        assert light.world.meter.used == 2
        light.clock.move(hours=2)
        await light.turns(tasks["checking"])
        assert light.world.meter.used == 2
        light.clock.move(hours=10)  # another day of X's bill: the oldest-checked first
        await light.turns(tasks["checking"])
        assert light.world.meter.used == 4


async def test_the_accounts_limit_holds_for_the_second_asking_too(light: Rig) -> None:
    """A post that is gone costs nothing, but it may be there after all: X had a fault, and bills it."""
    posts = [light.say(f"アクメ {n}", username=f"u{n}") for n in range(60)]
    await light.hold(*posts)
    for post in posts[:12]:
        light.world.remove(post.id)
    async with light.tasks(daily_posts=61) as tasks:
        await light.turns(tasks["checking"])
        assert light.world.meter.used == 48
        light.world.archive.removed.clear()
        await light.execute(
            "INSERT INTO x_spent (credential, reader, day, posts, authors) VALUES (:credential, 'stream', :day, 10, 0)",
            credential=credential_name(TOKEN), day=light.clock.now().date().isoformat(),
        )  # fmt: skip
        light.clock.move(seconds=61)
        await light.turns(tasks["checking"])
        light.clock.move(seconds=61)
        await light.turns(tasks["checking"])
        assert light.world.meter.used + 10 == 61
        assert len(await light.posts()) == 60
        light.clock.move(hours=13)
        await light.turns(tasks["checking"], 200)
        assert light.asked() <= 10


async def test_our_own_share_of_requests_is_kept(light: Rig) -> None:
    posts = [light.say(f"アクメ {n}", username=f"u{n % 40}") for n in range(250)]
    await light.hold(*posts)
    async with light.tasks(usd_a_day=10.0, requests=2) as tasks:
        await light.turns(tasks["checking"])
        assert light.asked() == 2
        light.clock.move(minutes=15)
        await light.turns(tasks["checking"])
        assert light.asked() == 3


async def test_an_edit_that_the_stream_did_not_bring_becomes_a_revision(one: Rig) -> None:
    post = one.say("アクメ最悪", ago=timedelta(hours=3))
    (post_id,) = await one.hold(post)
    edited = one.world.edit(one.world.edit(post, "アクメ最悪だった"), "もう直りました")
    async with one.tasks() as tasks:
        await one.turns(tasks["checking"])
        value = (await one.on_topic())[record_key("acme", post_id)]
        mention = msgspec.json.decode(value or b"")
        assert (mention["id"], mention["revision"], mention["text"]) == (post_id, 2, "もう直りました")
        assert (mention["match"], mention["edit_ids"][-1]) == ("revision", str(edited.id))
    assert await one.posts() == {post_id}


async def test_the_other_spelling_is_found_out(light: Rig) -> None:
    light.x.options.spelling, light.x.options.strict_fields = "post", True
    gone = light.say("Acme broke")
    await light.hold(gone)
    light.world.remove(gone.id)
    async with light.tasks() as tasks:
        await light.turns(tasks["checking"])
        light.clock.move(seconds=61)
        await light.turns(tasks["checking"])
    assert await light.posts() == set()
