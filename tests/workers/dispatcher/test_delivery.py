"""What is decided reaches its receiver: once, in order, at its pace, through failures."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from config.routes import Throttle
from tests.support.sink import OK, Answer, Sink, busy
from tests.workers.dispatcher.rig import Rig, policy, webhook
from tests.workers.incidents.scene import arrival
from workers.incidents import change
from workers.incidents.change import to_millis
from workers.store import Store


def now_ish() -> datetime:
    return datetime.now(UTC)


async def test_first_then_more_posts_then_resolved(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink)))
    async with rig.running():
        await rig.arrive(arrival("充電器が壊れた🔥", id="90", created=now_ish()))
        (first,) = await sink.wait_for_async(1)
        body = first.json
        assert (body["reason"], body["receiver"], body["version"]) == ("first", "desk", 1)
        assert [p["text"] for p in body["posts"]] == ["充電器が壊れた🔥"]
        assert body["posts"][0]["url"].endswith("/status/90")
        assert body["more"] == {"posts": 0, "incidents": 0, "incident_ids": []}
        assert body["links"] is None
        await rig.until(lambda: rig.state("sent"))

        await rig.arrive(arrival("こちらも", conversation_id="90", created=now_ish()))
        await rig.settle()
        assert len(sink.requests) == 1  # group_interval
        await rig.move(301)
        second = (await sink.wait_for_async(2))[1].json
        assert (second["reason"], [p["text"] for p in second["posts"]]) == ("new_posts", ["こちらも"])
        assert second["incident"]["post_count"] == 2

        async with store.write() as connection:
            await change.resolve(
                connection, store.dialect, rig.files.policy, [body["incident"]["id"]], by="mika", reason="済",
                now=to_millis(rig.clock.now()),
            )  # fmt: skip
        rig.delivery.wake()
        third = (await sink.wait_for_async(3))[2].json
        assert (third["reason"], third["posts"], third["incident"]["status"]) == ("all_resolved", [], "resolved")


async def test_a_repeat_only_while_nobody_has_acknowledged(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink), repeat_interval=timedelta(hours=4)))
    async with rig.running():
        await rig.arrive(arrival(severity="high", created=now_ish()))
        incident = (await sink.wait_for_async(1))[0].json["incident"]["id"]
        await rig.until(lambda: rig.state("sent"))
        await rig.move(4 * 3600 + 1)
        assert (await sink.wait_for_async(2))[1].json["reason"] == "repeat"
        await rig.until(lambda: rig.state("scheduled"))
        async with store.write() as connection:
            await change.acknowledge(
                connection, store.dialect, rig.files.policy, [incident], by="mika", reason="",
                now=to_millis(rig.clock.now()), lease=timedelta(hours=10),
            )  # fmt: skip
        await rig.move(4 * 3600 + 1)
        await rig.settle()
        assert len(sink.requests) == 2
        await rig.move(6 * 3600)  # the lease has ended
        assert (await sink.wait_for_async(3))[2].json["reason"] == "reminder"


async def test_a_higher_severity_goes_out_at_once_and_ends_the_acknowledgement(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink)))
    async with rig.running():
        await rig.arrive(arrival(id="90", severity="low", created=now_ish()))
        incident = (await sink.wait_for_async(1))[0].json["incident"]["id"]
        await rig.until(lambda: rig.state("sent"))
        async with store.write() as connection:
            await change.acknowledge(
                connection, store.dialect, rig.files.policy, [incident], by="mika", reason="",
                now=to_millis(rig.clock.now()),
            )  # fmt: skip
        await rig.arrive(arrival(conversation_id="90", severity="critical", created=now_ish()))
        second = (await sink.wait_for_async(2))[1].json
        assert (second["reason"], second["incident"]["status"]) == ("severity_rose", "firing")


async def test_signature_and_key_are_the_same_body_over_retries(store: Store) -> None:
    with Sink(secret="s3cret") as sink:
        rig = Rig(store, policy(webhook("desk", sink, secret=SecretStr("s3cret"))))
        sink.answers.extend([Answer(500), Answer(cut=True), Answer(503)])
        async with rig.running():
            await rig.arrive(arrival(created=now_ish()))
            await rig.until(lambda: sink.requests)
            for _ in range(3):
                await rig.settle(0.3)
                await rig.move(61)
            (delivered,) = await sink.wait_for_async(1)
        assert {r.key for r in sink.requests} == {delivered.key}
        assert {r.body for r in sink.requests} == {delivered.body}
        assert not sink.faults


async def test_retry_after_is_honoured_by_the_whole_receiver(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink)))
    sink.answers.append(busy("90"))
    async with rig.running():
        await rig.arrive(arrival(created=now_ish()))
        await rig.until(lambda: sink.requests)
        await rig.arrive(arrival(created=now_ish()))
        await rig.move(80)
        await rig.settle()
        assert len(sink.requests) == 1
        await rig.move(11)
        assert len(await sink.wait_for_async(2)) == 2


@pytest.mark.parametrize("asked", ["0", "Tue, 24 Nov 2020 03:00:00 GMT"])
async def test_who_asks_for_no_rest_is_not_stormed(store: Store, sink: Sink, asked: str) -> None:
    """A server that is overloaded and whose clock is slow was asked again without any pause."""
    rig = Rig(store, policy(webhook("desk", sink)))
    sink.always = busy(asked)
    async with rig.running():
        await rig.arrive(arrival(created=now_ish()))
        await rig.until(lambda: sink.requests)
        await rig.settle()
        assert len(sink.requests) <= 3  # the first, and what our own pace allows in that second
        sink.always = OK
        await rig.move(5)
        assert len(await sink.wait_for_async(1)) == 1


async def test_one_bad_channel_blocks_no_other(store: Store, sink: Sink) -> None:
    with Sink() as dead:
        dead.always = Answer(hang=True)
        rig = Rig(store, policy(webhook("dead", dead), webhook("desk", sink), to=("dead", "desk")))
        async with rig.running():
            for _ in range(5):
                await rig.arrive(arrival(created=now_ish()))
            assert len(await sink.wait_for_async(5, 5)) == 5


async def test_a_client_error_is_a_dead_letter_and_the_next_one_goes_out(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink)))
    sink.answers.append(Answer(400))
    async with rig.running():
        await rig.arrive(arrival(id="1", severity="high", created=now_ish()), arrival(id="2", created=now_ish()))
        (delivered,) = await sink.wait_for_async(1)
        assert delivered.json["incident"]["key"] == "acme/care/2"
        assert await rig.state("failed") == 1
        assert rig.delivery.failed == 1


async def test_404_is_tried_for_ten_minutes_then_given_up(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink)))
    sink.always = Answer(404)
    async with rig.running():
        await rig.arrive(arrival(created=now_ish()))
        await rig.until(lambda: sink.requests)
        await rig.settle()
        assert await rig.state("frozen") == 1
        await rig.move(601)
        await rig.until(lambda: rig.state("failed"))


async def test_gone_switches_the_receiver_off_and_keeps_what_waits(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink)))
    sink.answers.append(Answer(410))
    async with rig.running():
        await rig.arrive(arrival(created=now_ish()))
        await rig.until(lambda: sink.requests)
        await rig.until(lambda: rig.rows("SELECT 1 FROM receivers WHERE off IS NOT NULL"))
        await rig.move(7200)
        await rig.settle()
        assert len(sink.requests) == 1
        assert await rig.state("frozen") == 1
        from workers.dispatcher.lease import switch

        async with store.write() as connection:
            await switch(connection, "desk", None, to_millis(rig.clock.now()))
        rig.delivery.wake()
        await sink.wait_for_async(1)


class TestFallback:
    async def test_told_after_sixty_seconds_once(self, store: Store, sink: Sink) -> None:
        with Sink() as dead:
            dead.always = Answer(500)
            rig = Rig(store, policy(webhook("desk", dead, fallback="pager"), webhook("pager", sink), to=("desk",)))
            async with rig.running():
                await rig.arrive(arrival(created=now_ish()))
                await rig.until(lambda: dead.requests)
                await rig.settle()
                assert not sink.requests
                await rig.move(61)
                (told,) = await sink.wait_for_async(1)
                assert (told.json["reason"], told.json["receiver"]) == ("first", "pager")
                await rig.move(61)
                await rig.settle()
                assert len(sink.requests) == 1

    async def test_told_at_once_after_the_final_failure(self, store: Store, sink: Sink) -> None:
        with Sink() as broken:
            broken.always = Answer(400)
            rig = Rig(store, policy(webhook("desk", broken, fallback="pager"), webhook("pager", sink), to=("desk",)))
            async with rig.running():
                await rig.arrive(arrival(created=now_ish()))
                (told,) = await sink.wait_for_async(1)
                assert told.json["receiver"] == "pager"


class TestThrottle:
    async def test_the_last_one_that_may_go_carries_the_rest(self, store: Store, sink: Sink) -> None:
        throttle = Throttle(3, timedelta(minutes=1))
        rig = Rig(store, policy(webhook("desk", sink, throttle=throttle), group_wait=timedelta(seconds=10)))
        async with rig.running():
            await rig.arrive(*(arrival(id=str(i), created=now_ish()) for i in range(1, 13)))
            await rig.move(11)
            bodies = [r.json for r in await sink.wait_for_async(3)]
            await rig.settle()
            assert len(sink.requests) == 3
            assert [b["more"]["incidents"] for b in bodies] == [0, 0, 9]
            assert bodies[2]["more"]["posts"] == 9
            told = {b["incident"]["id"] for b in bodies} | set(bodies[2]["more"]["incident_ids"])
            assert len(told) == 12
            assert await rig.state("sent") == 12

    async def test_what_comes_later_waits_for_the_window_and_is_not_lost(self, store: Store, sink: Sink) -> None:
        throttle = Throttle(1, timedelta(minutes=1))
        rig = Rig(store, policy(webhook("desk", sink, throttle=throttle)))
        async with rig.running():
            await rig.arrive(arrival(created=now_ish()))
            await sink.wait_for_async(1)
            await rig.until(lambda: rig.state("sent"))
            await rig.arrive(*(arrival(created=now_ish()) for _ in range(3)))
            await rig.settle()
            assert len(sink.requests) == 1
            await rig.move(61)
            assert (await sink.wait_for_async(2))[1].json["more"]["incidents"] == 2


async def test_twenty_posts_are_shown_and_the_rest_counted(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink), group_wait=timedelta(seconds=10)))
    rig.rules = {}
    async with rig.running():
        await rig.arrive(
            *(arrival(f"{i}番目の投稿 😡", conversation_id="90", created=now_ish(), severity="low") for i in range(30)),
            arrival("いちばん重い", conversation_id="90", created=now_ish(), severity="high"),
        )
        await rig.move(11)
        (told,) = await sink.wait_for_async(1)
        assert (len(told.json["posts"]), told.json["more"]["posts"]) == (20, 11)
        assert told.json["posts"][0]["text"] == "いちばん重い"


async def test_a_receiver_has_one_owner_at_a_time(store: Store, sink: Sink) -> None:
    first, second = Rig(store, policy(webhook("desk", sink))), Rig(store, policy(webhook("desk", sink)))
    async with first.running("one"), second.running("two"):
        await first.arrive(*(arrival(created=now_ish()) for _ in range(10)))
        second.delivery.wake()
        await sink.wait_for_async(10)
        await asyncio.sleep(0.3)
        assert len({r.key for r in sink.requests}) == len(sink.requests) == 10
        assert 0 in (first.delivery.sent, second.delivery.sent)


async def test_where_a_receiver_has_left_the_file_others_are_told_in_its_place(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink), group_wait=timedelta(seconds=10)))
    async with rig.running():
        await rig.arrive(arrival(created=now_ish()))
        rig.files.policy = policy(webhook("other", sink))
        await rig.move(11)
        await rig.settle()
        assert await rig.state("scheduled") == 1  # another replica may know it: a changed file comes to all in time
        await rig.move(16 * 60)
        (told,) = await sink.wait_for_async(1)
        assert (told.json["receiver"], told.json["reason"]) == ("other", "first")
        (row,) = await rig.rows("SELECT detail FROM outbox WHERE state = 'cancelled'")
        assert "no longer in routes.yaml" in row.detail


async def test_a_post_removed_before_its_notification_went_out_is_not_in_it(store: Store, sink: Sink) -> None:
    rig = Rig(store, policy(webhook("desk", sink)))
    sink.answers.append(Answer(500))
    async with rig.running():
        await rig.arrive(
            arrival("消す文", id="90", severity="high", created=now_ish()),
            arrival("残る文", conversation_id="90", created=now_ish()),
        )
        await rig.until(lambda: sink.requests)
        await rig.arrive(removals=[("acme", "90")])
        await rig.move(5)
        (delivered,) = await sink.wait_for_async(1)
        assert [p["text"] for p in delivered.json["posts"]] == ["残る文"]
        assert delivered.key != sink.requests[0].key
        bodies = await rig.rows("SELECT body FROM outbox WHERE body IS NOT NULL")
        assert not any("消す文" in row.body for row in bodies)
