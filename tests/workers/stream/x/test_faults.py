"""Against an X that misbehaves: every post that it owed is on the topic once, and the connects keep to the quota."""

import asyncio
from pathlib import Path

import pytest

from tests.workers.stream.x.rig import Rig, rig
from workers.simulator.faults import Fault

# Each fault, and how often it strikes one after the other.
FAULTS = [
    (Fault.STALL, 1),
    (Fault.CLOSE, 1),
    (Fault.CLOSE_AT_ONCE, 5),
    (Fault.CUT_MID_LINE, 2),
    (Fault.BAD_JSON, 1),
    (Fault.HTML_503, 2),
    (Fault.RATE_LIMITED, 1),
    (Fault.RATE_LIMITED_NO_RESET, 1),
    (Fault.RATE_LIMITED_PAST_RESET, 1),
    (Fault.TOO_MANY_CONNECTIONS, 1),
    (Fault.DROP, 2),
    (Fault.HANG, 1),
    (Fault.CONFLICT, 1),
    (Fault.UNAUTHORIZED, 1),
    (Fault.FORBIDDEN, 1),
    (Fault.CREDITS_DEPLETED, 1),
    (Fault.USAGE_CAP, 1),
    (Fault.SPLIT_UTF8, 3),
    (Fault.HUGE_LINE, 1),
    (Fault.NO_TAG, 3),
    (Fault.DATA_WITH_ERRORS, 3),
    (Fault.DUPLICATE, 3),
    (Fault.OUT_OF_ORDER, 3),
    (Fault.EDITED, 2),
    (Fault.UNKNOWN_MESSAGE, 2),
    (Fault.SLOW_TRICKLE, 1),
    (Fault.OPERATIONAL_DISCONNECT, 1),
    (Fault.UPSTREAM_DISCONNECT, 1),
    (Fault.FORCE_DISCONNECT, 1),
    (Fault.SLOW_READER, 1),
    (Fault.INTERNAL_ERROR, 1),
    (Fault.STATE_DEGRADED, 1),
    (Fault.INVALID_RULES, 1),
    (Fault.ISSUE_TOO_MANY_CONNECTIONS, 1),
    (Fault.ISSUE_PROVISIONING, 1),
    (Fault.ISSUE_RULE_CONFIGURATION, 1),
    (Fault.ISSUE_RULES_INVALID, 1),
]  # fmt: skip
# These strike a request: the stream has to break for there to be one.
AT_CONNECT = {
    Fault.CLOSE_AT_ONCE, Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.CONFLICT, Fault.RATE_LIMITED,
    Fault.RATE_LIMITED_NO_RESET, Fault.RATE_LIMITED_PAST_RESET, Fault.TOO_MANY_CONNECTIONS, Fault.CREDITS_DEPLETED,
    Fault.USAGE_CAP, Fault.HTML_503, Fault.HANG, Fault.DROP,
}  # fmt: skip


async def say(x: Rig, count: int, word: str = "アクメ") -> None:
    for number in range(count):
        x.world.say(f"{word} の{number}回目の故障", username=f"person{number}")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("fault", "times"), FAULTS, ids=lambda value: getattr(value, "label", None))
async def test_every_post_comes_once(tmp_path: Path, fault: Fault, times: int) -> None:
    async with rig(tmp_path) as x:
        x.start()
        await x.connected()
        await say(x, 5)
        x.world.order(fault, times=times)
        if fault in AT_CONNECT:
            x.world.order(Fault.CLOSE)
        await say(x, 30)
        await asyncio.sleep(0.2)
        await say(x, 5, "Acme")
        await x.complete()
        await say(x, 5, "Acme")
        await x.complete()
        assert len(x.world.connects()) <= 12
        await x.stop()
