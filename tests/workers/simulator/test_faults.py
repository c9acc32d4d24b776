"""Each fault on command, as a client meets it. The last test sees to it that none is left out."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest

from tests.workers.simulator.rig import RULE, Client, Ear, client, until
from workers.simulator.faults import Fault, Scope
from workers.simulator.feed import HUGE_LINE_BYTES
from workers.simulator.options import Options


class Refusal(NamedTuple):
    status: int
    says: str


REFUSALS = {
    Fault.UNAUTHORIZED: Refusal(401, "Unauthorized"),
    Fault.FORBIDDEN: Refusal(403, "client-not-enrolled"),
    Fault.CONFLICT: Refusal(409, "RuleConfigurationIssue"),
    Fault.RATE_LIMITED: Refusal(429, "Too Many Requests"),
    Fault.RATE_LIMITED_NO_RESET: Refusal(429, "Too Many Requests"),
    Fault.RATE_LIMITED_PAST_RESET: Refusal(429, "Too Many Requests"),
    Fault.TOO_MANY_CONNECTIONS: Refusal(429, "TooManyConnections"),
    Fault.USAGE_CAP: Refusal(429, "UsageCapExceeded"),
    Fault.CREDITS_DEPLETED: Refusal(402, "CreditsDepleted"),
    Fault.HTML_503: Refusal(503, "<!DOCTYPE html>"),
}
DISCONNECTS = (
    Fault.OPERATIONAL_DISCONNECT,
    Fault.UPSTREAM_DISCONNECT,
    Fault.FORCE_DISCONNECT,
    Fault.SLOW_READER,
    Fault.INTERNAL_ERROR,
    Fault.STATE_DEGRADED,
    Fault.INVALID_RULES,
)
ISSUES = (
    Fault.ISSUE_TOO_MANY_CONNECTIONS,
    Fault.ISSUE_PROVISIONING,
    Fault.ISSUE_RULE_CONFIGURATION,
    Fault.ISSUE_RULES_INVALID,
)


@pytest.fixture
async def x() -> AsyncIterator[Client]:
    async with client(Options(speed=200)) as asked:  # a heartbeat each tenth of a second
        await asked.rules(RULE)
        yield asked


async def heard(x: Client, ear: Ear, text: str = "acme is down") -> dict[str, Any]:
    """Somebody posts; the message that comes of it."""
    x.world.say(text)
    return await ear.message()


@pytest.mark.parametrize("fault", REFUSALS, ids=lambda fault: fault.label)
async def test_a_refused_connection(x: Client, fault: Fault) -> None:
    x.world.order(fault, times=2)
    for _ in range(2):
        async with x.listen() as ear:
            assert ear.status == REFUSALS[fault].status
            assert REFUSALS[fault].says in await ear.response.text()
    async with x.listen() as ear:
        assert ear.status == 200


@pytest.mark.parametrize("fault", [Fault.HTML_503, Fault.RATE_LIMITED, Fault.UNAUTHORIZED], ids=lambda f: f.label)
async def test_the_other_endpoints_fail_as_well_when_they_are_named(x: Client, fault: Fault) -> None:
    x.world.order(fault, on=["search", "lookup"], times=2)
    assert (await x.search("acme")).status == REFUSALS[fault].status
    assert (await x.get("/2/usage/tweets")).status == 200
    assert (await x.get("/2/tweets", ids="1")).status == REFUSALS[fault].status
    assert (await x.search("acme")).status == 200


async def test_what_a_rate_limit_tells_of_its_end(x: Client) -> None:
    async def reset(fault: Fault) -> int | None:
        x.world.order(fault, on=["search"])
        headers = (await x.search("acme")).headers
        return int(headers["x-rate-limit-reset"]) if "x-rate-limit-reset" in headers else None

    now = time.time()
    told = await reset(Fault.RATE_LIMITED)
    assert told is not None
    assert now < told <= now + 900 / 200 + 2
    assert await reset(Fault.RATE_LIMITED_NO_RESET) is None
    past = await reset(Fault.RATE_LIMITED_PAST_RESET)
    assert past is not None
    assert past < time.time()


async def test_close_at_once_and_repeatedly(x: Client) -> None:
    x.world.order(Fault.CLOSE_AT_ONCE, times=3)
    for _ in range(3):
        async with x.listen() as ear:
            assert ear.status == 200
            assert await ear.end() == "closed"
            assert not ear.chunks
    async with x.listen() as ear:
        await heard(x, ear)
    assert len(x.world.connects()) == 4


async def test_hang(x: Client) -> None:
    x.world.order(Fault.HANG, on=["search"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await x.search("acme")
    assert (await x.search("acme")).status == 200


async def test_drop(x: Client) -> None:
    x.world.order(Fault.DROP, on=["rules-write"])
    with pytest.raises(aiohttp.ClientError):
        await x.rules("zenith")
    assert x.world.requests[-1].status == 0


async def test_stall(x: Client) -> None:
    async with x.listen() as ear:
        await heard(x, ear)
        x.world.order(Fault.STALL)
        x.world.say("acme, unheard")
        with pytest.raises(TimeoutError):
            await ear.raw(0.5)  # five heartbeats long
    async with x.listen() as ear:  # the next connection is well
        assert (await heard(x, ear))["data"]["text"] == "acme is down"


async def test_a_stall_of_some_time_loses_nothing(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.STALL, seconds=0.3)
        x.world.say("acme, late")
        with pytest.raises(TimeoutError):
            await ear.raw(0.2)
        assert (await ear.message())["data"]["text"] == "acme, late"


async def test_heartbeats_only(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.HEARTBEATS_ONLY)
        for _ in range(3):
            x.world.say("acme, unheard")
            assert await ear.raw() == b""
        x.world.clear(Fault.HEARTBEATS_ONLY)
        assert (await heard(x, ear, "acme, heard"))["data"]["text"] == "acme, heard"


async def test_half_volume(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.HALF_VOLUME)
        for number in range(6):
            x.world.say(f"acme {number}")
        assert [(await ear.message())["data"]["text"] for _ in range(3)] == ["acme 1", "acme 3", "acme 5"]


async def test_slow_trickle(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.SLOW_TRICKLE)
        start = time.monotonic()
        await heard(x, ear)
        assert time.monotonic() - start > 0.2
        assert max(map(len, ear.chunks)) < 200  # the pieces are of 16 bytes; the reader may join some


async def test_ghost(x: Client) -> None:
    x.world.order(Fault.GHOST)
    async with x.listen() as ear:
        await heard(x, ear)
    await until(lambda: x.world.ghosts)
    async with x.listen() as ear:
        assert ear.status == 429
    assert (await x.ask("DELETE", "/2/connections/all")).json["data"]["successful_kills"] == 1
    async with x.listen() as ear:
        assert ear.status == 200


async def test_cut_mid_line(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.CUT_MID_LINE)
        post = x.world.say("acme, cut")
        assert await ear.end() == "cut"
        assert ear.chunks
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads(b"".join(ear.chunks))
    assert not x.world.sent[post.id]


async def test_split_utf8(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.SPLIT_UTF8)
        message = await heard(x, ear, "アクメの充電器が燃えた🔥")
        assert message["data"]["text"] == "アクメの充電器が燃えた🔥"
        with pytest.raises(UnicodeDecodeError):
            ear.chunks[0].decode()


async def test_huge_line(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.HUGE_LINE)
        post = x.world.say("acme is huge")
        line = await ear.line()
        assert len(line) > HUGE_LINE_BYTES
        assert json.loads(line)["data"]["id"] == str(post.id)


async def test_no_tag(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.NO_TAG)
        assert [set(rule) for rule in (await heard(x, ear))["matching_rules"]] == [{"id"}]
        assert [set(rule) for rule in (await heard(x, ear))["matching_rules"]] == [{"id", "tag"}]


async def test_data_with_errors(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.DATA_WITH_ERRORS)
        message = await heard(x, ear)
        assert message["data"]["text"] == "acme is down"
        assert message["errors"][0]["title"] == "Not Found Error"


async def test_duplicate(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.DUPLICATE)
        first = await heard(x, ear)
        assert await ear.message() == first
        assert x.world.sent[int(first["data"]["id"])] == 2
    assert x.world.meter.used == 1


async def test_out_of_order(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.OUT_OF_ORDER)
        for number in range(3):
            x.world.say(f"acme {number}")
        assert [(await ear.message())["data"]["text"] for _ in range(3)] == ["acme 1", "acme 0", "acme 2"]


async def test_what_is_held_back_comes_though_nothing_follows(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.OUT_OF_ORDER)
        assert (await heard(x, ear))["data"]["text"] == "acme is down"


async def test_edited(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.EDITED)
        first = (await heard(x, ear))["data"]
        second = (await ear.message())["data"]
        assert second["edit_history_tweet_ids"] == [first["id"], second["id"]]
        assert second["text"] == "acme is down (edited)"


async def test_deleted(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.DELETED)
        post = (await heard(x, ear))["data"]
        await until(lambda: x.world.archive.removed)
    assert not x.world.owed()
    assert (await x.get("/2/tweets", ids=post["id"])).json["errors"][0]["resource_id"] == post["id"]


async def test_close(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.CLOSE)
        assert await ear.end() == "closed"


async def test_bad_json(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.BAD_JSON)
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(await ear.line())
        assert (await heard(x, ear))["data"]["text"] == "acme is down"


async def test_unknown_message(x: Client) -> None:
    async with x.listen() as ear:
        x.world.order(Fault.UNKNOWN_MESSAGE)
        assert not {"data", "errors"} & set(await ear.message())
        assert (await heard(x, ear))["data"]["text"] == "acme is down"


@pytest.mark.parametrize("fault", DISCONNECTS, ids=lambda fault: fault.label)
async def test_disconnects(x: Client, fault: Fault) -> None:
    async with x.listen() as ear:
        x.world.order(fault)
        (error,) = (await ear.message())["errors"]
        assert (error["title"], error["disconnect_type"]) == ("operational-disconnect", fault.label)
        assert await ear.end() == "closed"


@pytest.mark.parametrize("fault", ISSUES, ids=lambda fault: fault.label)
async def test_connection_issues(x: Client, fault: Fault) -> None:
    x.world.order(fault)  # before anybody listens: it waits for the next connection
    async with x.listen() as ear:
        (error,) = (await ear.message())["errors"]
        assert error["connection_issue"] == fault.label.removeprefix("issue-")
        assert await ear.end() == "closed"


async def test_an_order_without_end_lasts_until_it_is_cleared(x: Client) -> None:
    x.world.order(Fault.HTML_503, times=None)
    for _ in range(5):
        async with x.listen() as ear:
            assert ear.status == 503
    x.world.clear()
    async with x.listen() as ear:
        assert ear.status == 200


def test_every_fault_is_tested_here_and_explained() -> None:
    here = {name.removeprefix("test_").upper() for name in globals() if name.startswith("test_")}
    told = {*REFUSALS, *DISCONNECTS, *ISSUES, Fault.CLOSE_AT_ONCE}
    assert {fault.name for fault in Fault if fault not in told} <= here
    for fault in Fault:
        assert Fault.named(fault.label) is fault
        assert fault.sentence.endswith(".")
        assert isinstance(fault.scope, Scope)
