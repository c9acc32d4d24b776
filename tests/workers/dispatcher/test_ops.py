"""Trouble with Hikeshi itself reaches ops: once when it begins, once when it is over, past a receiver that is off."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from config.routes import Policy
from tests.support.sink import Answer, Sink
from tests.workers.dispatcher.rig import Rig, policy, webhook
from workers.cli.outbox_state import pending_notifications
from workers.dispatcher.lease import switch, take_lease
from workers.dispatcher.lost import tell_lost
from workers.incidents.change import to_millis
from workers.incidents.ops import audience, clear_ops, open_alerts, raise_ops, tell_stand_ins
from workers.store import Store

DEAF = {"en": "X has been silent for 95 s", "ja": "Xからの受信が95秒途絶えています"}


def to_ops(*receivers: Any, ops: tuple[str, ...] = ("desk",), **pace: Any) -> Policy:
    return replace(policy(*receivers, **pace), ops=ops)


async def raised(rig: Rig, kind: str = "deaf") -> bool:
    async with rig.store.write() as connection:
        now = to_millis(rig.clock.now())
        return await raise_ops(connection, rig.store.dialect, rig.files.policy, kind, DEAF, now)


async def cleared(rig: Rig, kind: str = "deaf") -> bool:
    async with rig.store.write() as connection:
        return await clear_ops(connection, rig.store.dialect, kind, to_millis(rig.clock.now()))


async def test_once_when_it_begins_and_once_when_it_is_over(store: Store, sink: Sink) -> None:
    rig = Rig(store, to_ops(webhook("desk", sink), language="ja"))
    async with rig.running():
        assert [await raised(rig), await raised(rig)] == [True, False]
        assert await pending_notifications(store) == 0  # a run that ends when idle doesn't wait for it
        rig.delivery.wake()
        (first,) = await sink.wait_for_async(1)
        incident = first.json["incident"]
        assert (first.json["reason"], first.json["posts"], first.json["links"]) == ("first", [], None)
        assert (incident["scope"], incident["key"], incident["status"]) == ("ops", "hikeshi/ops/deaf", "firing")
        assert incident["reasons"] == [DEAF["ja"]]
        await rig.until(lambda: rig.state("sent"))
        assert [await cleared(rig), await cleared(rig)] == [True, False]
        rig.delivery.wake()
        over = (await sink.wait_for_async(2))[1].json
        assert (over["reason"], over["incident"]["status"]) == ("all_resolved", "resolved")
        assert over["incident"]["id"] == incident["id"]
        assert over["incident"]["reasons"] == [f"解消しました: {DEAF['ja']}"]
        assert await raised(rig)  # again: told again, as something new
        rig.delivery.wake()
        again = (await sink.wait_for_async(3))[2].json
        assert again["incident"]["id"] != incident["id"]


async def test_what_is_over_before_it_went_out_is_not_told(store: Store, sink: Sink) -> None:
    rig = Rig(store, to_ops(webhook("desk", sink)))
    await raised(rig)
    await cleared(rig)
    async with rig.running():
        await rig.settle()
    assert sink.requests == []


async def test_without_ops_the_log_says_it(store: Store, sink: Sink) -> None:
    rig = Rig(store, to_ops(webhook("desk", sink), ops=()))
    with capture_logs() as logs:
        assert await raised(rig)
    (line,) = [line for line in logs if line["event"] == "ops_alert_raised"]
    assert (line["kind"], line["what"], line["receivers"]) == ("deaf", DEAF["en"], [])
    async with store.read() as connection:
        assert list(await open_alerts(connection)) == ["deaf"]


async def test_a_receiver_that_is_off_is_not_asked_to_tell_of_itself(store: Store) -> None:
    with Sink() as broken, Sink() as pager:
        rig = Rig(store, to_ops(webhook("desk", broken, fallback="pager"), webhook("pager", pager)))
        async with store.write() as connection:
            await take_lease(connection, "desk", "another", 0)
            await switch(connection, "desk", "410 Gone", 0)
        async with rig.running():
            await raised(rig, "receiver_off/desk")
            rig.delivery.wake()
            assert (await pager.wait_for_async(1))[0].json["incident"]["key"] == "hikeshi/ops/receiver_off/desk"
        assert broken.requests == []


async def test_what_is_not_taken_for_a_minute_goes_to_the_fallback_once(store: Store) -> None:
    with Sink(always=Answer(503)) as broken, Sink() as pager:
        rig = Rig(store, to_ops(webhook("desk", broken, fallback="pager"), webhook("pager", pager)))
        async with rig.running():
            await raised(rig)
            rig.delivery.wake()
            await rig.until(lambda: broken.requests)
            for seconds, told in ((10, 0), (61, 1), (61, 0)):
                await rig.move(seconds)
                async with store.write() as connection:
                    now = to_millis(rig.clock.now())
                    assert await tell_stand_ins(connection, store.dialect, rig.files.policy, now) == told
            rig.delivery.wake()
            assert (await pager.wait_for_async(1))[0].json["reason"] == "first"


@pytest.mark.parametrize(
    ("ops", "off", "told"),
    [
        ((), (), []),
        (("a",), (), ["a"]),
        (("a",), ("a",), ["b"]),
        (("a",), ("a", "b"), ["c"]),
        (("a",), ("a", "b", "c"), ["a"]),
        (("a", "c"), ("c",), ["a"]),
        (("a", "b"), ("a",), ["b"]),
    ],
)
def test_who_is_told(ops: tuple[str, ...], off: tuple[str, ...], told: list[str]) -> None:
    with Sink() as sink:
        receivers = [webhook("a", sink, fallback="b"), webhook("b", sink, fallback="c"), webhook("c", sink)]
        assert audience(to_ops(*receivers, ops=ops), off) == told


async def test_marks_that_the_log_forgot_are_told_until_the_partition_is_whole_again(store: Store, sink: Sink) -> None:
    told = to_ops(webhook("desk", sink))
    async with store.read() as connection:
        assert await open_alerts(connection) == {}
    await tell_lost(store, told, [0, 1], {}, 1)
    await tell_lost(store, told, [0, 1], {1: (5, 90)}, 2)
    await tell_lost(store, told, [0], {}, 3)  # another partition says nothing of it
    async with store.read() as connection:
        (alert,) = (await open_alerts(connection)).values()
    assert alert.kind == "marks_lost/1"
    assert "marks 5 to 89 of partition 1" in alert.text("en")
    await tell_lost(store, told, [0, 1], {}, 4)
    async with store.read() as connection:
        assert await open_alerts(connection) == {}


async def test_what_waits_for_a_receiver_that_the_file_lost_goes_to_those_of_ops_now(store: Store, sink: Sink) -> None:
    with Sink(always=Answer(503)) as broken:
        rig = Rig(store, to_ops(webhook("desk", broken)))
        async with rig.running():
            await raised(rig)
            rig.delivery.wake()
            await rig.until(lambda: broken.requests)
            rig.files.policy = to_ops(webhook("night", sink), ops=("night",))
            await rig.move(16 * 60)
            assert (await sink.wait_for_async(1))[0].json["incident"]["key"] == "hikeshi/ops/deaf"
            await rig.until(lambda: rig.state("sent"))
            assert await rig.rows("SELECT 1 FROM outbox WHERE state IN ('scheduled', 'frozen')") == []
