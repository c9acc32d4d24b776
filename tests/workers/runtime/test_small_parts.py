"""Deadline, retry, health and the fake clock itself."""

import asyncio

import pytest

from tests.support.clock import FakeClock
from workers.runtime.deadline import Deadline
from workers.runtime.health import StageHealth
from workers.runtime.retry import backoff_seconds


async def test_a_deadline_counts_down_to_zero() -> None:
    clock = FakeClock()
    deadline = Deadline(10, clock)
    await clock.advance(4)
    assert deadline.remaining() == 6
    assert not deadline.expired
    await clock.advance(7)
    assert deadline.remaining() == 0
    assert deadline.expired


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [(0, 1.0, 1.0), (0, 0.0, 0.5), (3, 1.0, 8.0), (3, 0.5, 6.0), (10, 1.0, 60.0), (100_000, 1.0, 60.0)],
)
def test_backoff_doubles_up_to_its_cap(attempt: int, jitter: float, seconds: float) -> None:
    assert backoff_seconds(attempt, base=1, cap=60, jitter=jitter) == seconds


async def test_sleepers_wake_in_order_and_may_sleep_again() -> None:
    clock, woken = FakeClock(), []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper("a", 3, 1)), asyncio.create_task(sleeper("b", 1, 2.5))]
    await clock.advance(10)
    assert woken == [("b", 1), ("a", 3), ("b", 3.5), ("a", 4)]
    assert clock.sleepers == 0
    await asyncio.gather(*tasks)


async def test_waiting_records_are_no_fault_while_something_moves_or_a_wait_is_declared() -> None:
    clock = FakeClock()
    health = StageHealth("classifier", clock)
    health.started()
    await clock.advance(500)
    assert health.stuck_seconds == 0  # idle
    health.lag = 7
    await clock.advance(50)
    assert health.stuck_seconds == 50  # counted from when records came, not from the idle hours before
    health.lag = 9
    assert health.stuck_seconds == 50
    health.moved()
    await clock.advance(10)
    assert health.stuck_seconds == 10
    with health.waiting("kafka"), health.waiting("kafka"):
        await clock.advance(100)
        assert health.stuck_seconds == 0
        assert health.reasons == ["waits for kafka"]
    assert health.stuck_seconds == 0
    assert health.ready


async def test_a_stop_shows_until_it_is_cleared() -> None:
    health = StageHealth("stream", FakeClock())
    health.started()
    health.stopped("50 in a row")
    assert (health.ready, health.is_stopped, health.reasons) == (False, True, ["stopped: 50 in a row"])
    health.cleared()
    assert health.ready
