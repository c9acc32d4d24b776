"""The other endpoints: token, rate limits, look-up, usage, compliance."""

import time
from datetime import UTC, datetime, timedelta

import aiohttp

from tests.workers.simulator.rig import client, until
from workers.simulator.limits import REQUESTS, Meter
from workers.simulator.options import Options

JOBS = "/2/compliance/jobs"


async def test_another_token_is_refused_everywhere() -> None:
    async with client(token="guess") as x:
        for path in ("/2/tweets", "/2/tweets/search/recent", "/2/tweets/search/stream", "/2/usage/tweets", JOBS):
            got = await x.get(path)
            assert got.status == 401
            assert got.json["title"] == "Unauthorized"
        assert (await x.rules("acme")).status == 401


async def test_an_endpoint_that_is_not_simulated() -> None:
    async with client() as x:
        assert (await x.get("/2/users/me")).status == 404


async def test_the_rate_limit_of_each_endpoint() -> None:
    limits = {**REQUESTS, "search": 2, "usage": 1}
    async with client(Options(speed=900, limits=limits)) as x:  # a window lasts a second
        first = await x.search("acme")
        assert first.headers["x-rate-limit-limit"] == "2"
        assert first.headers["x-rate-limit-remaining"] == "1"
        assert time.time() - 1 < int(first.headers["x-rate-limit-reset"]) <= time.time() + 2
        assert (await x.search("acme")).headers["x-rate-limit-remaining"] == "0"
        refused = await x.search("acme")
        assert (refused.status, refused.headers["x-rate-limit-remaining"]) == (429, "0")
        assert (await x.get("/2/usage/tweets")).status == 200
        await x.world.clock.sleep(1.05)
        assert (await x.search("acme")).status == 200


async def test_fifty_connects_a_window() -> None:
    async with client(Options(speed=1)) as x:
        await x.rules("acme")
        for _ in range(50):
            async with x.listen() as ear:
                assert ear.status == 200
            await until(lambda: not x.world.connections)
        async with x.listen() as ear:
            assert ear.status == 429
            assert ear.response.headers["x-rate-limit-reset"]


async def test_look_up_tells_what_is_missing_and_why() -> None:
    async with client() as x:
        here, gone, hidden = (x.world.say(text) for text in ("here", "gone", "hidden"))
        x.world.remove(gone.id)
        x.world.remove(hidden.id, "protected")
        body = (await x.get("/2/tweets", ids=f"{here.id},{gone.id},{hidden.id},1")).json
        assert [post["id"] for post in body["data"]] == [str(here.id)]
        assert [error["resource_id"] for error in body["errors"]] == [str(gone.id), str(hidden.id), "1"]
        titles = [error["title"] for error in body["errors"]]
        assert titles == ["Not Found Error", "Authorization Error", "Not Found Error"]
        assert "data" not in (await x.get("/2/tweets", ids="1")).json


async def test_a_withheld_post_is_still_there_and_marked() -> None:
    async with client() as x:
        post = x.world.say("acme")
        edited = x.world.edit(post, "acme, edited")
        x.world.withhold(edited.id, "DE", "FR")
        got = await x.get("/2/tweets", ids=str(post.id), tweet__fields="withheld")
        assert got.json["data"][0]["withheld"]["country_codes"] == ["DE", "FR"]


async def test_look_up_takes_a_hundred_ids() -> None:
    async with client() as x:
        assert (await x.get("/2/tweets", ids=",".join(map(str, range(1, 101))))).status == 200
        for ids in (",".join(map(str, range(1, 102))), "", "a", "1,,2"):
            assert (await x.get("/2/tweets", ids=ids)).status == 400


async def test_spread_shows_in_the_metrics() -> None:
    async with client() as x:
        post = x.world.say("acme on fire")
        for number in range(3):
            x.world.say("", username=f"loud{number}", retweet_of=post)
        x.world.say("look", quote_of=post)
        x.world.say("really?", reply_to=post)
        got = await x.get("/2/tweets", ids=str(post.id), tweet__fields="public_metrics")
        metrics = got.json["data"][0]["public_metrics"]
        assert (metrics["retweet_count"], metrics["quote_count"], metrics["reply_count"]) == (3, 1, 1)


async def test_usage_counts_a_post_once_a_day_whatever_reads_it() -> None:
    async with client(Options(speed=1_000_000)) as x:
        await x.rules("acme")
        async with x.listen() as ear:
            post = x.world.say("acme")
            await ear.line()
            await ear.raw()
        await until(lambda: (x.world.clock.now() - post.created_at) > timedelta(milliseconds=5))
        assert len((await x.search("acme")).json["data"]) == 1
        await x.get("/2/tweets", ids=str(post.id))
        data = (await x.get("/2/usage/tweets")).json["data"]
        assert (data["project_usage"], data["project_cap"]) == ("1", "3000000")
        assert [day["usage"] for day in data["daily_project_usage"]["usage"]] == ["1"]
        x.world.options.numbers_as_text = False
        assert (await x.get("/2/usage/tweets", **{"usage.fields": "project_usage"})).json["data"] == {
            "project_usage": 1
        }


def test_the_meter_by_day_and_month() -> None:
    at = datetime(2026, 10, 30, 23, 59, tzinfo=UTC)
    meter = Meter(lambda: at, cap=1000)
    for post_id in (1, 2, 3, 2):
        meter.read(post_id)
    assert meter.used == 3
    at += timedelta(minutes=2)  # another UTC day: what was read yesterday is billed again
    meter.read(3)
    assert meter.used == 4
    at += timedelta(days=1)  # another month
    assert meter.used == 0
    meter.read(3)
    assert [*meter.days.values()] == [3, 1, 1]


async def test_at_the_cap_nothing_is_handed_out_any_more() -> None:
    async with client(Options(speed=100, monthly_cap=3)) as x:
        await x.rules("acme")
        x.world.meter.extra = 1  # read before
        async with x.listen() as ear:
            for number in range(5):
                x.world.say(f"acme {number}")
            assert await ear.end() == "closed"
        assert x.world.meter.used == 3
        async with x.listen() as ear:
            assert (await ear.response.json())["title"] == "UsageCapExceeded"
        assert (await x.search("acme")).status == 429
        assert (await x.get("/2/usage/tweets")).json["data"]["project_usage"] == "3"


async def test_a_compliance_job_from_its_start_to_its_result() -> None:
    async with client(Options(speed=10)) as x:
        here, gone, suspended = (x.world.say(text) for text in ("here", "gone", "suspended"))
        x.world.remove(gone.id)
        x.world.remove(suspended.id, "suspended")
        job = (await x.ask("POST", JOBS, body={"type": "tweets", "name": "nightly"})).json["data"]
        assert (job["status"], job["type"], job["name"]) == ("created", "tweets", "nightly")
        async with aiohttp.ClientSession() as stranger:  # these addresses need no token
            ids = "\n".join(str(post.id) for post in (here, gone, suspended))
            async with stranger.put(job["upload_url"], data=ids, headers={"Content-Type": "text/plain"}) as put:
                assert put.status == 200
            async with stranger.put(job["upload_url"], data=ids) as again:
                assert again.status == 400
            assert (await x.get(f"{JOBS}/{job['id']}")).json["data"]["status"] == "in_progress"
            async with stranger.get(job["download_url"]) as early:
                assert early.status == 404
            assert (await x.ask("POST", JOBS, body={"type": "tweets"})).status == 409  # one at a time
            await x.world.clock.sleep(0.55)
            assert (await x.get(JOBS, type="tweets", status="complete")).json["data"][0]["id"] == job["id"]
            async with stranger.get(job["download_url"]) as result:
                lines = [line async for line in result.content]
        assert len(lines) == 2
        assert f'"id":"{gone.id}"'.encode() in lines[0]
        assert b'"reason":"deleted"' in lines[0]
        assert b'"reason":"suspended"' in lines[1]


async def test_compliance_jobs_that_make_no_sense() -> None:
    async with client() as x:
        for body in (b"{", {}, {"type": "cats"}, {"type": "tweets", "colour": "red"}):
            assert (await x.ask("POST", JOBS, body=body)).status == 400
        assert (await x.get(JOBS)).status == 400
        assert (await x.get(f"{JOBS}/7")).status == 404
        job = (await x.ask("POST", JOBS, body={"type": "tweets"})).json["data"]
        assert (await x.ask("PUT", f"/_storage/{job['id']}/upload", body=b"no id")).status == 400
        assert (await x.ask("PUT", "/_storage/7/upload", body=b"1")).status == 400
