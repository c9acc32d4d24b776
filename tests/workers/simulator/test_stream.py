"""The filtered stream when all is well: rules, fields, heartbeats, connections."""

import asyncio

import pytest

from tests.workers.simulator.rig import RULE, client, until
from workers.simulator.options import Options


async def test_without_rules_it_is_a_conflict() -> None:
    async with client() as x, x.listen() as ear:
        assert ear.status == 409
        assert (await ear.response.json())["connection_issue"] == "RuleConfigurationIssue"


async def test_a_post_comes_with_what_was_asked_and_the_rules_it_matched() -> None:
    async with client() as x:
        await x.rules(RULE, "lang:ja 最悪")
        async with x.listen() as ear:
            assert ear.status == 200
            assert ear.response.headers["x-rate-limit-limit"] == "50"
            x.world.say("nothing to do with it")
            post = x.world.say("アクメ 最悪", username="alice", followers=1234)
            message = await ear.message()
        assert message["data"]["id"] == str(post.id)
        assert message["data"]["text"] == "アクメ 最悪"
        assert message["data"]["conversation_id"] == str(post.id)
        assert [rule["tag"] for rule in message["matching_rules"]] == ["tag/0", "tag/1"]
        (user,) = message["includes"]["users"]
        assert (user["username"], user["public_metrics"]["followers_count"]) == ("alice", 1234)
        assert set(message) == {"data", "includes", "matching_rules"}


async def test_a_rule_added_while_listening_counts() -> None:
    async with client() as x:
        await x.rules("acme")
        async with x.listen() as ear:
            x.world.say("zenith, unheard")
            await x.rules("zenith")
            x.world.say("zenith, heard")
            assert (await ear.message())["data"]["text"] == "zenith, heard"


async def test_what_is_written_while_nobody_listens_does_not_come_later() -> None:
    async with client(Options(speed=1000)) as x:
        await x.rules("acme")
        lost = x.world.say("acme, unheard")
        async with x.listen() as ear:
            heard = x.world.say("acme, heard")
            assert (await ear.message())["data"]["id"] == str(heard.id)
        assert x.world.owed() == [lost, heard]
        assert (x.world.sent[lost.id], x.world.sent[heard.id]) == (0, 1)
        await asyncio.sleep(0.05)  # search lags behind
        found = (await x.search("acme")).json["data"]
        assert [post["id"] for post in found] == [str(heard.id), str(lost.id)]


async def test_heartbeats_when_nothing_happens() -> None:
    async with client(Options(speed=200)) as x:  # 20 s are a tenth of one
        await x.rules("acme")
        async with x.listen() as ear:
            start = asyncio.get_running_loop().time()
            for _ in range(3):
                assert await ear.raw() == b""
            took = asyncio.get_running_loop().time() - start
        assert 0.25 < took < 2
        assert set(ear.chunks) == {b"\r\n"}


async def test_a_second_connection_is_refused() -> None:
    async with client() as x:
        await x.rules("acme")
        async with x.listen() as first:
            async with x.listen() as second:
                assert second.status == 429
                assert (await second.response.json())["connection_issue"] == "TooManyConnections"
            x.world.say("acme")
            assert (await first.message())["data"]["text"] == "acme"


async def test_or_closes_the_first() -> None:
    async with client(Options(speed=100, second="close-first")) as x:
        await x.rules("acme")
        async with x.listen() as first, x.listen() as second:
            assert (await first.message())["errors"][0]["title"] == "operational-disconnect"
            assert await first.end() == "closed"
            x.world.say("acme")
            assert (await second.message())["data"]["text"] == "acme"


async def test_a_client_that_went_away_makes_room() -> None:
    async with client() as x:
        await x.rules("acme")
        for _ in range(3):
            async with x.listen() as ear:
                assert ear.status == 200
            await until(lambda: not x.world.connections)
        assert len(x.world.connects()) == 3


async def test_connections_can_be_cleared() -> None:
    async with client() as x:
        await x.rules("acme")
        async with x.listen() as ear:
            got = await x.ask("DELETE", "/2/connections/all")
            assert got.json["data"]["successful_kills"] == 1
            assert (await ear.message())["errors"][0]["disconnect_type"] == "ForceDisconnect"
            assert await ear.end() == "closed"
        assert (await x.ask("DELETE", "/2/connections/all")).json["data"]["successful_kills"] == 0


@pytest.mark.parametrize("query", [{"post.fields": "id"}, {"backfill_minutes": "5"}, {"tweet.fields": "note_post"}])
async def test_parameters_that_it_does_not_take(query: dict[str, str]) -> None:
    async with client() as x:
        await x.rules("acme")
        async with x.listen(**query) as ear:
            assert ear.status == 400
            assert next(iter(query)) in await ear.response.text()


async def test_who_does_not_read_is_disconnected() -> None:
    async with client(Options(speed=1, backlog=100)) as x:
        await x.rules("acme")
        async with x.listen() as ear:
            for number in range(2000):  # more than the buffers between the two take
                x.world.say(f"acme {'x' * 8000} {number}")
                if number % 50 == 0:
                    await asyncio.sleep(0)
            assert await ear.end() == "closed"
        assert b"SlowReader" in ear.last


async def test_posts_can_come_late_and_out_of_order() -> None:
    async with client(Options(speed=1, delivery_seconds=0.2)) as x:
        await x.rules("acme")
        async with x.listen() as ear:
            posts = [str(x.world.say(f"acme {number}").id) for number in range(30)]
            got = [(await ear.message())["data"]["id"] for _ in posts]
        assert sorted(got) == posts
        assert got != posts


async def test_a_plan_without_streaming() -> None:
    async with client(Options(speed=100, streaming=False)) as x:
        assert (await x.rules("acme")).status == 403
        async with x.listen() as ear:
            assert ear.status == 403
        assert (await x.search("acme")).status == 200
