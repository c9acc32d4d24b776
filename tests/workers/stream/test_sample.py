"""The sample: its crisis in time and numbers, the same posts at every start, nobody's account."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import islice

from tests.support.clock import FakeClock
from workers.stream.match import Matcher
from workers.stream.mention import created_at
from workers.stream.parse import parse_line
from workers.stream.post import Post
from workers.stream.sample import SampleSource, sample_brand
from workers.stream.sample.script import EPISODE, script
from workers.stream.sample.source import stream_line

START = datetime(2026, 4, 1, 9, 0, 0, 123_456, tzinfo=UTC)


def posts(count: int, *, episode_alone: bool = False) -> list[Post]:
    lines = islice(script(START, episode_alone=episode_alone), count)
    return [parse_line(stream_line(line)).posts[0] for line in lines]


def test_every_post_is_about_the_sample_brand_and_has_its_own_id() -> None:
    matcher = Matcher([sample_brand()])
    found = posts(2_000)
    assert len({post.id for post in found}) == 2_000
    for post in found:
        assert [match.brand.id for match in matcher.match(post)] == ["sample"], post.text


def test_the_crisis_fires_the_default_burst_before_a_group_wait_is_over() -> None:
    early = [line for line in script(START, episode_alone=True) if line.at < START + timedelta(seconds=20)]
    assert len({line.person for line in early}) >= 24
    assert {line.kind for line in early} == {"post"}
    # What is quoted and answered is a root of one post when the burst opens, so that it is merged into it.
    assert all(line.at > START + timedelta(seconds=20) for line in script(START, episode_alone=True) if line.of)


def test_the_episode_is_over_in_90_seconds_and_both_languages_speak_alike() -> None:
    episode = list(script(START, episode_alone=True))
    assert all(line.at < START + EPISODE for line in episode)
    written = [line.lang for line in episode if line.kind != "retweet"]
    assert abs(written.count("ja") - written.count("en")) <= 2
    assert len({line.text for line in islice(script(START), 300)}) >= 55
    assert {line.kind for line in episode} == {"post", "retweet", "quote", "reply"}


def test_then_a_post_every_few_minutes_and_a_flare_every_half_hour() -> None:
    later = [line for line in islice(script(START), 400) if line.at > START + EPISODE]
    assert [line.at for line in later] == sorted(line.at for line in later)
    flare = [line for line in later if timedelta(minutes=30) <= line.at - START < timedelta(minutes=32)]
    assert len(flare) >= 4
    quietest = [line for line in later if timedelta(minutes=5) < line.at - START < timedelta(minutes=29)]
    assert 5 <= len(quietest) <= 10


def test_retweets_quotes_and_replies_lead_to_the_same_root() -> None:
    referring = [post for post in posts(100, episode_alone=True) if post.references]
    assert {next(iter(post.references)) for post in referring} == {"retweeted", "quoted", "replied_to"}
    assert len({post.reference_id(kind) for post in referring for kind in post.references}) == 1
    for post in referring:
        if "retweeted" in post.references:
            assert not post.text.startswith("RT ")


def test_nobody_real_is_named() -> None:
    for post in posts(500):
        author = post.author
        assert author is not None
        assert author.username is not None
        assert len(author.username) > 15  # X's limit


async def lines_of(source: SampleSource, clock: FakeClock, seconds: float) -> list[tuple[float, str, str | None]]:
    got: list[tuple[float, str, str | None]] = []
    stopping = asyncio.Event()

    async def read() -> None:
        async for batch in source.batches(stopping):
            for line in batch:
                post = parse_line(line.data).posts[0]
                got.append((clock.monotonic(), post.id, created_at(post)))

    task = asyncio.create_task(read())
    await clock.advance(seconds)
    stopping.set()
    await clock.settle()
    await asyncio.wait_for(task, 5)
    return got


async def test_each_post_comes_when_it_is_due_and_a_restart_goes_on() -> None:
    clock = FakeClock(START)
    whole = await lines_of(SampleSource(START, clock), clock, 200)
    assert len(whole) == 45
    assert all(0.7 < at < 89 for at, *_ in whole)
    assert whole[0][2] == "2026-04-01T09:00:00.923Z"

    clock = FakeClock(START)
    first = await lines_of(SampleSource(START, clock), clock, 30)
    again = await lines_of(SampleSource(START, clock), clock, 170)
    # The same ids once more, at once, and then the rest: what was seen is a duplicate.
    assert [post_id for _, post_id, _ in again] == [post_id for _, post_id, _ in whole]
    assert len(first) > 20
    assert all(at == 30 for at, *_ in again[: len(first)])


async def test_what_is_long_past_is_not_repeated() -> None:
    clock = FakeClock(START + timedelta(days=3))
    late = await lines_of(SampleSource(START, clock), clock, 0)
    assert 10 <= len(late) <= 40


async def test_the_first_episode_alone_ends() -> None:
    clock = FakeClock(START + timedelta(days=3))
    episode = await lines_of(SampleSource(START, clock, episode_alone=True), clock, 0)
    assert len(episode) == 45
