"""The rules endpoint: adding, errors, limits, dry run, deleting."""

from typing import Any

from tests.workers.simulator.rig import Client, client
from workers.simulator.options import Options

PATH = "/2/tweets/search/stream/rules"


async def delete(x: Client, dry_run: str = "false", **names: list[str]) -> dict[str, Any]:
    got = await x.ask("POST", PATH, body={"delete": names}, dry_run=dry_run)
    assert got.status == 200
    return got.json


async def test_add_and_list() -> None:
    async with client() as x:
        assert (await x.get(PATH)).json["meta"]["result_count"] == 0
        got = await x.rules("acme", '"アクメ"')
        assert got.status == 201
        assert got.json["meta"]["summary"] == {"created": 2, "not_created": 0, "valid": 2, "invalid": 0}
        listed = (await x.get(PATH)).json
        assert listed["data"] == got.json["data"]
        assert [(rule["value"], rule["tag"]) for rule in listed["data"]] == [("acme", "tag/0"), ('"アクメ"', "tag/1")]
        one = await x.get(PATH, ids=listed["data"][1]["id"])
        assert one.json["data"] == listed["data"][1:]


async def test_a_rule_may_have_no_tag() -> None:
    async with client() as x:
        got = await x.ask("POST", PATH, body={"add": [{"value": "acme"}]})
        assert set(got.json["data"][0]) == {"id", "value"}


async def test_duplicates_and_nonsense_are_told_one_by_one() -> None:
    async with client() as x:
        first = (await x.rules("acme")).json["data"][0]
        got = await x.rules("acme", "lang:ja", "zenith", "zenith")
        assert got.json["meta"]["summary"] == {"created": 1, "not_created": 3, "valid": 1, "invalid": 1}
        duplicate, invalid, twice = got.json["errors"]
        assert (duplicate["title"], duplicate["value"], duplicate["id"]) == ("DuplicateRule", "acme", first["id"])
        assert duplicate["type"].endswith("/duplicate-rules")
        assert invalid["type"].endswith("/invalid-rules")
        assert "standalone" in invalid["details"][0]
        assert twice["title"] == "DuplicateRule"
        assert len((await x.get(PATH)).json["data"]) == 2
        assert (await x.rules("acme")).status == 200
        assert (await x.rules("lang:ja")).status == 400


async def test_a_dry_run_changes_nothing() -> None:
    async with client() as x:
        got = await x.rules("acme", "lang:ja", dry_run="true")
        assert got.json["meta"]["summary"]["created"] == 1
        assert not len(x.world.rules)
        rule = (await x.rules("acme")).json["data"][0]
        assert (await delete(x, "true", ids=[rule["id"]]))["meta"]["summary"] == {"deleted": 1, "not_deleted": 0}
        assert len(x.world.rules) == 1
        assert (await x.rules("acme", dry_run="True")).status == 400  # what tweepy would send


async def test_delete_by_id_and_by_value() -> None:
    async with client() as x:
        rules = (await x.rules("a", "b", "c")).json["data"]
        body = await delete(x, ids=[rules[0]["id"], "123"], values=["b", "z"])
        assert body["meta"]["summary"] == {"deleted": 2, "not_deleted": 2}
        assert len(body["errors"]) == 2
        assert [rule.value for rule in x.world.rules.all()] == ["c"]


async def test_limits_of_number_and_length() -> None:
    async with client() as x:
        assert (await x.rules("a" * 1024)).status == 201
        assert (await x.rules("a" * 1025)).status == 400
        assert (await x.rules(*(f"word{number}" for number in range(999)))).status == 201
        got = await x.rules("one more")
        assert got.status == 400
        assert got.json["type"].endswith("/rule-cap")
        assert len(x.world.rules) == 1000


async def test_bodies_that_make_no_sense() -> None:
    async with client() as x:
        for body in (b"{", {}, {"add": []}, {"add": [{"tag": "x"}]}, {"delete": {}}, {"add": [{"value": 1}]}, b"\xff"):
            assert (await x.ask("POST", PATH, body=body)).status == 400


async def test_a_rule_comes_into_force_after_a_while() -> None:
    async with client(Options(speed=1000, rule_seconds=1000)) as x:
        await x.rules("acme")
        assert not x.world.matched[x.world.say("acme too early").id]
        await x.world.clock.sleep(1.05)
        assert x.world.matched[x.world.say("acme in time").id]
