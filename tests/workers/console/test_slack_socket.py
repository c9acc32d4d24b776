"""Presses over Socket Mode: done, answered, and the connection kept whatever becomes of it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from structlog.testing import capture_logs

from config.channels import SlackEntry
from config.routes import Receiver
from schemas.errors import UnavailableError
from tests.support.providers.slack import APP_TOKEN, TOKEN, Slack
from tests.workers.dispatcher.channels.alerts import entry
from tests.workers.dispatcher.rig import MovedClock, policy
from workers.console.slack_socket import SlackSockets
from workers.incidents.slack_buttons import Press


class Taker:
    """Takes presses, or fails as told."""

    def __init__(self) -> None:
        self.taken: list[Press] = []
        self.failure: Exception | None = None

    async def __call__(self, press: Press) -> None:
        if self.failure is not None:
            raise self.failure
        self.taken.append(press)


@asynccontextmanager
async def listening(there: Slack, taker: Taker) -> AsyncIterator[None]:
    keys: dict[str, Any] = {"channel": "C0123456789", "token": TOKEN, "app_token": APP_TOKEN}
    receiver = Receiver("desk", "slack", settings=entry(SlackEntry, url=f"{there.url}/api", **keys))
    stopping = asyncio.Event()
    sockets = SlackSockets(SimpleNamespace(policy=policy(receiver)), MovedClock(), taker)  # type: ignore[arg-type]
    task = asyncio.create_task(sockets.run(stopping))
    try:
        await until(lambda: there.sockets)
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, 5)


async def until(holds: Any) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        await asyncio.sleep(0.01)


async def test_a_press_is_done_and_then_acknowledged() -> None:
    taker = Taker()
    async with Slack() as there, listening(there, taker):
        envelope = await there.press("hikeshi:acknowledge", "incident-1")
        await until(lambda: there.acknowledged == [envelope])
        assert taker.taken == [Press("acknowledge", "incident-1", "slack:mika", f"{there.url}/respond/1")]
        assert "hikeshi:open" not in [press.action for press in taker.taken]


async def test_what_is_not_ours_is_acknowledged_and_does_nothing() -> None:
    taker = Taker()
    async with Slack() as there, listening(there, taker):
        first = await there.press("hikeshi:open", "incident-1")
        await until(lambda: there.acknowledged == [first])
        second = await there.press("somebody:else", "incident-1")
        await until(lambda: there.acknowledged == [first, second])
        assert taker.taken == []


async def test_without_the_store_slack_shows_the_presser_a_failure() -> None:
    taker = Taker()
    async with Slack() as there, listening(there, taker):
        taker.failure = UnavailableError("the store is away")
        await there.press("hikeshi:resolve", "incident-1")
        taker.failure = None
        envelope = await there.press("hikeshi:resolve", "incident-1", "kenji")
        await until(lambda: there.acknowledged)
        assert there.acknowledged[-1] == envelope
        assert [press.by for press in taker.taken][-1] == "slack:kenji"


async def test_a_connection_that_ends_is_opened_again() -> None:
    taker = Taker()
    async with Slack() as there, listening(there, taker):
        await there.sockets[0].send_json({"type": "disconnect", "reason": "refresh_requested"})
        await until(lambda: len(there.sockets) == 2)
        await there.sockets[1].close()
        await until(lambda: len(there.sockets) == 3)
        envelope = await there.press("hikeshi:assign", "incident-1")
        await until(lambda: there.acknowledged == [envelope])


async def test_a_defect_of_ours_at_one_press_does_not_end_the_buttons() -> None:
    """It ended the connection for good, without a word: no button worked until a restart."""
    taker = Taker()
    async with Slack() as there, listening(there, taker):
        await there.sockets[0].send_json(["nothing", "that Slack says"])
        taker.failure = KeyError("a defect")
        with capture_logs() as logs:
            await there.press("hikeshi:resolve", "incident-1")
            await until(lambda: len(there.sockets) == 2)
        assert [line["log_level"] for line in logs if line["event"] == "slack_socket_failed"] == ["error"]
        taker.failure = None
        envelope = await there.press("hikeshi:resolve", "incident-1", "kenji")
        await until(lambda: there.acknowledged == [envelope])
