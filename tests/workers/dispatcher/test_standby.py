"""An alert to ops goes out though no dispatcher runs, and though the store is away."""

import asyncio
from collections import deque
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

from sqlalchemy import text
from structlog.testing import capture_logs

from config.routes import Receiver
from tests.support.sink import Answer, Sink
from tests.workers.dispatcher.rig import FixedFiles, MovedClock, policy, webhook
from workers.dispatcher import standby
from workers.dispatcher.standby import Directly, Standby
from workers.incidents.change import to_millis
from workers.incidents.links import NO_LINKS
from workers.incidents.ops import raise_ops
from workers.runtime.health import StageHealth
from workers.store import Store

AWAY = {"en": "the store has been away for 60 s", "ja": "データベースに60秒接続できません"}


def files(*receivers: Any, ops: tuple[str, ...] = ("desk",), **pace: Any) -> Any:
    return FixedFiles(replace(policy(*receivers, **pace), ops=ops))


async def test_the_console_delivers_where_no_dispatcher_does(store: Store, sink: Sink, monkeypatch: Any) -> None:
    monkeypatch.setattr(standby, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(standby, "TURN_SECONDS", 0.05)
    clock, told = MovedClock(), files(webhook("desk", sink))
    health = StageHealth("console", clock)
    running = asyncio.create_task(Standby(store, told, clock, health, "console", NO_LINKS).run())
    try:
        async with store.write() as connection:
            text_, now = "dispatcher is not running", to_millis(clock.now())
            await raise_ops(connection, store.dialect, told.policy, "not_running/dispatcher", text_, now)
        await asyncio.sleep(0.5)
        assert sink.requests == []  # a dispatcher would have time to try
        async with store.write() as connection:
            await connection.execute(text("UPDATE outbox SET first_due_at = first_due_at - 31000"))
        (first,) = await sink.wait_for_async(1)
        assert first.json["incident"]["reasons"] == ["dispatcher is not running"]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(sink.requests) == 1


async def test_ops_hear_of_a_store_that_is_away_and_that_it_is_back(sink: Sink) -> None:
    with Sink(answers=deque([Answer(503)])) as slow:
        directly = Directly(
            files(webhook("desk", sink), webhook("当番", slow), ops=("desk", "当番"), language="ja"), MovedClock()
        )
        await directly.over()  # nothing was wrong
        for _ in range(3):
            await directly.worry("store_away", AWAY)
        assert [r.json["reason"] for r in sink.requests] == ["first"]
        assert [r.status for r in slow.requests] == [503, 200]
        for _ in range(2):
            await directly.over()
        assert [r.json["incident"]["status"] for r in sink.requests] == ["firing", "resolved"]
        assert sink.requests[0].json["incident"]["reasons"][0].endswith(AWAY["ja"])
        assert not slow.faults


async def test_a_defect_in_one_channel_keeps_ops_no_word_from_another(sink: Sink, monkeypatch: Any) -> None:
    """It ended the audit, and with it the process, while the store was away."""
    opened = standby.open_channel

    def broken(receiver: Receiver, *more: Any) -> Any:
        if receiver.name == "当番":
            return SimpleNamespace(send=AsyncMock(side_effect=KeyError("a defect")))
        return opened(receiver, *more)

    monkeypatch.setattr(standby, "open_channel", broken)
    directly = Directly(files(webhook("当番", sink), webhook("desk", sink), ops=("当番", "desk")), MovedClock())
    with capture_logs() as logs:
        await directly.worry("store_away", AWAY)
    assert [r.json["receiver"] for r in sink.requests] == ["desk"]
    assert "ops_unreached" in [line["event"] for line in logs]
