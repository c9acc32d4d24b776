"""The endpoints for people, the server in a thread, and the posts that it invents."""

import json
from collections import Counter

import pytest

from tests.workers.simulator.rig import client, fetch, until
from workers.simulator.faults import Fault
from workers.simulator.inventor import DEFAULT_WORDS, Inventor
from workers.simulator.limits import ENDPOINTS
from workers.simulator.options import Options
from workers.simulator.server import Simulator, SimulatorThread


async def test_order_see_and_clear_a_fault() -> None:
    async with client() as x:
        assert "curl" in (await x.get("/_control")).text
        got = await x.ask("POST", "/_control/faults", body={"fault": "html-503", "times": None, "on": ["search"]})
        assert got.status == 201
        assert (await x.search("acme")).status == 503
        told = (await x.get("/_control/faults")).json
        assert told["ordered"] == [{"fault": "html-503", "left": None, "on": ["search"]}]
        assert set(told["faults"]) == {fault.label for fault in Fault}
        assert told["endpoints"] == list(ENDPOINTS)
        assert (await x.ask("DELETE", "/_control/faults", fault="html-503")).json["ordered"] == []
        assert (await x.search("acme")).status == 200


async def test_write_edit_and_remove_posts() -> None:
    async with client() as x:
        await x.rules("acme")
        first = (await x.ask("POST", "/_control/posts", body={"text": "acme", "followers": 9, "username": "kim"})).json
        assert len(first["rules"]) == 1
        reply = (await x.ask("POST", "/_control/posts", body={"text": "really?", "reply_to": first["id"]})).json
        edited = (await x.ask("PUT", f"/_control/posts/{first['id']}", body={"text": "acme, edited"})).json
        assert edited["identity"] == first["id"] != edited["id"]
        await x.ask("DELETE", f"/_control/posts/{reply['id']}", reason="suspended")
        lines = [json.loads(line) for line in (await x.get("/_control/posts")).text.splitlines()]
        assert [(line["id"], len(line["rules"]), line["removed"]) for line in lines] == [
            (first["id"], 1, False),
            (reply["id"], 0, True),
            (edited["id"], 1, False),
        ]
        state = (await x.get("/_control/state")).json
        assert state["posts"] == {"written": 3, "matched": 2, "sent": 0}
        assert state["requests"] == {"rules-write": {"201": 1}}


async def test_change_a_choice() -> None:
    async with client() as x:
        got = await x.ask("PATCH", "/_control/options", body={"spelling": "post", "pace": 100})
        assert (got.json["spelling"], got.json["pace"], got.json["speed"]) == ("post", 100, 100)
        assert "simulator" not in got.text
        assert (await x.search("acme", tweet__fields="id")).status == 400
        await until(lambda: len(x.world.offered) > 10)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/_control/faults", {"fault": "earthquake"}),
        ("POST", "/_control/faults", {"fault": "stall", "on": ["moon"]}),
        ("POST", "/_control/faults", b"{"),
        ("POST", "/_control/posts", {}),
        ("POST", "/_control/posts", {"text": "x", "reply_to": "1"}),
        ("PUT", "/_control/posts/1", {"text": "x"}),
        ("DELETE", "/_control/posts/1", None),
        ("DELETE", "/_control/posts/2?reason=boredom", None),
        ("DELETE", "/_control/faults?fault=earthquake", None),
        ("PATCH", "/_control/options", {"second": "dance"}),
        ("PATCH", "/_control/options", {"pace": 1_000_000}),
        ("PATCH", "/_control/options", {"speed": 2}),
    ],
)
async def test_a_mistake_is_explained(method: str, path: str, body: object) -> None:
    async with client() as x:
        got = await x.ask(method, path, body=body)
        assert got.status == 400
        assert got.json["error"]


def test_in_a_thread() -> None:
    with SimulatorThread(Simulator(Options(speed=100))) as thread:
        post = thread.call(thread.simulator.world.say, "acme", username="kim")
        told = fetch(thread.simulator.url, "/_control/posts")
        assert json.loads(told.text)["id"] == str(post.id)


async def test_the_same_posts_for_the_same_seed() -> None:
    async def texts(seed: int) -> list[tuple[str, str, int]]:
        async with Simulator(Options(seed=seed, words=("Acme", "アクメ"))) as x:
            posts = [x.inventor.post() for _ in range(300)]
            return [(post.text, post.author.username, post.author.followers) for post in posts]

    assert await texts(1) == await texts(1)
    assert await texts(1) != await texts(2)


async def test_posts_are_about_what_the_rules_ask_for_and_of_every_kind() -> None:
    async with client() as x:
        inventor = Inventor(x.world)
        assert inventor.words() == DEFAULT_WORDS
        await x.rules('(Zenith OR "ゼニス" OR #ゼニス) -klein -is:retweet', '"アクメ" lang:ja')
        assert inventor.words() == ("Zenith", "ゼニス", "#ゼニス", "アクメ")
        posts = [inventor.post() for _ in range(1000)]
        kinds = Counter(kind for post in posts for kind, _ in post.references)
        assert min(kinds[kind] for kind in ("retweeted", "quoted", "replied_to")) > 10
        assert {"ja", "en", "und", "qst"} <= {post.lang for post in posts}
        assert any(len(post.text) > 280 for post in posts)
        assert 500 < sum(bool(x.world.matched[post.id]) for post in posts) < 1000
        assert max(post.author.followers for post in posts) > 20_000


async def test_the_pace_is_kept() -> None:
    async with client(Options(speed=100, pace=250)) as x:
        start = x.world.clock.monotonic()
        await x.world.clock.sleep(1)
        took = x.world.clock.monotonic() - start
        assert 0.8 * 250 * took - 10 < len(x.world.offered) < 1.2 * 250 * took + 10


async def test_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.simulator.world._KEPT_POSTS", 10)
    async with client() as x:
        await x.rules("acme")
        posts = [x.world.say(f"acme {number}") for number in range(12)]
        x.world.edit(posts[-1], "acme, edited")
        x.world.remove(posts[5].id)
        assert len(x.world.offered) == len(x.world.archive) == len(x.world.matched) == 10
        assert x.world.archive.get(posts[2].id) is None
        assert x.world.archive.get(posts[3].id) is posts[3]
