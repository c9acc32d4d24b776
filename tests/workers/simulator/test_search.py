"""Recent search: order, paging, bounds, what it refuses, the two spellings; and the counts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.workers.simulator.rig import Client, Got, client
from workers.simulator.options import Options
from workers.simulator.post import Post, snowflake, stamp

FAST = Options(speed=1_000_000)  # search's lag is next to nothing


def now() -> datetime:
    return datetime.now(UTC)


def written(x: Client, count: int, text: str = "acme", age: timedelta = timedelta(hours=1)) -> list[Post]:
    """Posts a second apart, the oldest first."""
    start = now() - age
    return [x.world.say(f"{text} {number}", at=start + timedelta(seconds=number)) for number in range(count)]


def ids(got: Got) -> list[str]:
    assert got.status == 200, got.text
    return [post["id"] for post in got.json.get("data", [])]


def newest_first(posts: list[Post]) -> list[str]:
    return [str(post.id) for post in reversed(posts)]


async def test_newest_first_and_paged_to_the_end() -> None:
    async with client(FAST) as x:
        posts = written(x, 25)
        x.world.say("nothing to do with it", at=now() - timedelta(hours=1))
        found: list[str] = []
        more: dict[str, str] = {}
        pages: list[dict[str, Any]] = []
        while True:
            got = await x.search("acme", max_results="10", **more)
            found += ids(got)
            pages.append(got.json["meta"])
            if "next_token" not in pages[-1]:
                break
            more = {"next_token": pages[-1]["next_token"]}
        assert found == newest_first(posts)
        assert [page["result_count"] for page in pages] == [10, 10, 5]
        assert pages[0]["newest_id"] == found[0]
        assert pages[0]["oldest_id"] == found[9]


async def test_nothing_found() -> None:
    async with client(FAST) as x:
        assert (await x.search("acme")).json == {"meta": {"result_count": 0}}


async def test_new_posts_do_not_move_the_pages() -> None:
    async with client(FAST) as x:
        posts = written(x, 15)
        first = await x.search("acme", since_id=str(posts[0].id - 1))
        written(x, 5, age=timedelta(minutes=1))
        second = await x.search("acme", since_id=str(posts[0].id - 1), next_token=first.json["meta"]["next_token"])
        assert ids(first) + ids(second) == newest_first(posts)


async def test_bounds() -> None:
    async with client(FAST) as x:
        posts = written(x, 5)
        assert ids(await x.search("acme", since_id=str(posts[1].id))) == newest_first(posts[2:])
        assert ids(await x.search("acme", until_id=str(posts[1].id))) == newest_first(posts[:1])
        assert ids(await x.search("acme", start_time=stamp(posts[2].created_at))) == newest_first(posts[2:])
        assert ids(await x.search("acme", end_time=stamp(posts[2].created_at))) == newest_first(posts[:2])


async def test_without_an_end_the_last_thirty_seconds_are_left_out() -> None:
    async with client(Options(speed=1)) as x:
        old = x.world.say("acme", at=now() - timedelta(seconds=31))
        x.world.say("acme", at=now() - timedelta(seconds=28))
        x.world.say("acme")
        assert ids(await x.search("acme")) == [str(old.id)]
        until = stamp(now() - timedelta(seconds=20))
        assert len(ids(await x.search("acme", end_time=until))) == 2
        refused = await x.search("acme", end_time=stamp(now() - timedelta(seconds=5)))
        assert refused.status == 400
        assert "end_time" in refused.text


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"max_results": "9"}, "max_results"),
        ({"max_results": "101"}, "max_results"),
        ({"max_results": "many"}, "max_results"),
        ({"since_id": "abc"}, "since_id"),
        ({"since_id": str(snowflake(datetime.now(UTC) - timedelta(days=8)))}, "since_id"),
        ({"start_time": stamp(datetime.now(UTC) - timedelta(days=8))}, "start_time"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": "2026-11-01T00:00:00+09:00"}, "start_time"),
        ({"next_token": "b26v89c19zqg8o3f"}, "next_token"),
        ({"tweet__fields": "nonsense"}, "tweet.fields"),
        ({"expansions": "nonsense"}, "expansions"),
        ({"user__fields": "nonsense"}, "user.fields"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_parameter_is_named(more: dict[str, str], named: str) -> None:
    async with client(FAST) as x:
        got = await x.search("acme", **more)
        assert got.status == 400
        assert got.json["title"] == "Invalid Request"
        assert list(got.json["errors"][0]["parameters"]) == [named]


async def test_the_query_is_read_as_a_rule_of_at_most_512_characters() -> None:
    async with client(FAST) as x:
        assert (await x.search("a" * 512)).status == 200
        for query in ("a" * 513, "lang:ja", "(acme", "", "acme min_followers:1"):
            got = await x.search(query)
            assert got.status == 400
            assert list(got.json["errors"][0]["parameters"]) == ["query"]


async def test_a_token_is_for_its_own_query() -> None:
    async with client(FAST) as x:
        written(x, 15)
        token = (await x.search("acme")).json["meta"]["next_token"]
        assert (await x.search("acme OR zenith", next_token=token)).status == 400


async def test_retweets_are_not_found_by_words_and_quoted_text_neither() -> None:
    async with client(FAST) as x:
        (post,) = written(x, 1)
        at = now() - timedelta(minutes=5)
        retweet = x.world.say("", username="loud", retweet_of=post, at=at)
        x.world.say("look", quote_of=post, at=at)
        assert ids(await x.search("acme")) == [str(post.id)]
        assert ids(await x.search("from:loud")) == [str(retweet.id)]


async def test_only_the_last_revision_of_what_is_left() -> None:
    async with client(FAST) as x:
        kept, gone = written(x, 2)
        edited = x.world.edit(kept, "acme, edited")
        x.world.remove(gone.id)
        await x.world.clock.sleep(0.02)  # search lags a little behind, however fast time runs
        got = await x.search("acme")
        assert ids(got) == [str(edited.id)]
        assert got.json["data"][0]["edit_history_tweet_ids"] == [str(kept.id), str(edited.id)]


async def test_fields_and_expansions_only_as_asked() -> None:
    async with client(FAST) as x:
        at = now() - timedelta(minutes=5)
        first = x.world.say("long " * 100, username="alice", at=at)
        x.world.say("acme #fire https://example.com", username="bob", followers=7, reply_to=first, at=at)
        bare = (await x.search("acme")).json
        assert set(bare) == {"data", "meta"}
        assert set(bare["data"][0]) == {"id", "text", "edit_history_tweet_ids"}
        full = (
            await x.search(
                "acme",
                tweet__fields="author_id,created_at,entities,referenced_tweets,conversation_id,in_reply_to_user_id,lang,note_tweet",
                user__fields="public_metrics",
                expansions="author_id,referenced_tweets.id,referenced_tweets.id.author_id",
            )
        ).json
        (post,), includes = full["data"], full["includes"]
        assert post["referenced_tweets"] == [{"type": "replied_to", "id": str(first.id)}]
        assert post["conversation_id"] == str(first.id)
        assert post["in_reply_to_user_id"] == first.author.id
        assert post["entities"]["hashtags"] == [{"start": 5, "end": 10, "tag": "fire"}]
        assert "note_tweet" not in post
        assert {user["username"] for user in includes["users"]} == {"alice", "bob"}
        assert includes["tweets"][0]["note_tweet"]["text"] == first.text
        assert len(includes["tweets"][0]["text"]) == 280
        bob = next(user for user in includes["users"] if user["username"] == "bob")
        assert bob["public_metrics"]["followers_count"] == 7


async def test_a_referenced_post_that_is_gone_is_an_error_beside_the_data() -> None:
    async with client(FAST) as x:
        at = now() - timedelta(minutes=5)
        first = x.world.say("hello", at=at)
        x.world.say("acme", reply_to=first, at=at)
        x.world.remove(first.id)
        body = (await x.search("acme", expansions="referenced_tweets.id")).json
        assert len(body["data"]) == 1
        assert body["errors"][0]["resource_id"] == str(first.id)


async def test_spelling_both() -> None:
    async with client(FAST) as x:
        written(x, 1, "acme " + "x" * 300)
        old = (await x.search("acme", tweet__fields="note_tweet,public_metrics")).json["data"][0]
        new = (await x.search("acme", post__fields="note_post,public_metrics")).json["data"][0]
        assert old["note_tweet"] == new["note_post"]
        assert old["edit_history_tweet_ids"] == new["edit_history_post_ids"]
        assert "retweet_count" in old["public_metrics"]
        assert "repost_count" in new["public_metrics"]
        assert (await x.search("acme", post__fields="note_tweet")).status == 400
        assert (await x.search("acme", post__fields="id", tweet__fields="id")).status == 400


@pytest.mark.parametrize(("spelling", "refused", "taken"), [("post", "tweet", "post"), ("tweet", "post", "tweet")])
async def test_one_spelling_is_refused_by_name(spelling: Any, refused: str, taken: str) -> None:
    async with client(Options(speed=1_000_000, spelling=spelling)) as x:
        written(x, 1)
        got = await x.search("acme", **{f"{refused}__fields": "created_at"})
        assert got.status == 400
        assert list(got.json["errors"][0]["parameters"]) == [f"{refused}.fields"]
        assert (await x.search("acme", **{f"{taken}__fields": "created_at"})).status == 200
        assert f"edit_history_{taken}_ids" in (await x.search("acme")).json["data"][0]
        await x.rules("acme")
        async with x.listen() as ear:
            assert ear.status == 200  # the stream keeps the old names


async def test_as_specified_the_new_spelling_has_ids_as_expansions_alone() -> None:
    async with client(Options(speed=1_000_000, spelling="post", strict_fields=True)) as x:
        (first,) = written(x, 1, "hello")
        x.world.say("acme", reply_to=first, at=now() - timedelta(minutes=1))
        for name in ("author_id", "in_reply_to_user_id", "referenced_posts", "edit_history_post_ids"):
            got = await x.search("acme", post__fields=f"lang,{name}")
            assert got.status == 400
            assert got.json["errors"][0]["parameters"] == {"post.fields": [name]}
        body = (await x.search("acme", post__fields="lang", expansions="author_id,referenced_posts")).json
        (post,) = body["data"]
        assert post["author_id"] == first.author.id
        assert post["referenced_posts"] == [{"type": "replied_to", "id": str(first.id)}]
        assert body["includes"]["posts"][0]["id"] == str(first.id)


async def test_counts() -> None:
    async with client(FAST) as x:
        written(x, 7, age=timedelta(hours=30))
        written(x, 3, age=timedelta(hours=1))
        by_hour = (await x.get("/2/tweets/counts/recent", query="acme")).json
        assert by_hour["meta"]["total_tweet_count"] == 10
        assert sum(bucket["tweet_count"] for bucket in by_hour["data"]) == 10
        assert len(by_hour["data"]) in {168, 169}
        start = stamp(now() - timedelta(hours=2))
        by_minute = (await x.get("/2/tweets/counts/recent", query="acme", granularity="minute", start_time=start)).json
        assert by_minute["meta"]["total_tweet_count"] == 3
        assert (await x.get("/2/tweets/counts/recent", query="acme", granularity="year")).status == 400
