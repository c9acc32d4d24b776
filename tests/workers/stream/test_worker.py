"""The stream stage on the embedded log: every post is counted, nothing is seen before the log has it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.brands import Brand
from schemas.errors import StopError, UnavailableError
from schemas.mention import Mention
from schemas.topics import ALL, MENTIONS
from workers.log.contract import Outgoing
from workers.log.embedded import EmbeddedLog
from workers.runtime.clock import SystemClock
from workers.runtime.dead_letters import DeadLetters
from workers.runtime.health import StageHealth
from workers.runtime.letter_box import list_letters
from workers.stream.replay import ReplaySource
from workers.stream.source import Line
from workers.stream.worker import StreamWorker

DATA = Path(__file__).parents[2] / "data" / "twarc-csv"


class Brands:
    """What a worker needs of `config.files.Files`."""

    def __init__(self, *keywords: str, **fields: Any) -> None:
        self.brands = (brand("acme", *(keywords or ("acme",)), **fields),)


def brand(brand_id: str, *keywords: str, **fields: Any) -> Brand:
    return Brand.model_validate({"name": brand_id, "id": brand_id, "keywords": list(keywords)} | fields)


class Flaky:
    """The log, which can be away, and which says what it was given."""

    def __init__(self, log: EmbeddedLog) -> None:
        self.log, self.away, self.wrote_before_failing = log, False, False
        self.batches: list[list[bytes]] = []
        self.offsets, self.read, self.partitions = log.offsets, log.read, log.partitions

    async def produce(self, topic: Any, records: Sequence[Outgoing]) -> None:
        if self.away:
            if self.wrote_before_failing:
                await self.log.produce(topic, records)
            raise UnavailableError("the log is away")
        self.batches.append([record.key for record in records])
        await self.log.produce(topic, records)


class House:
    """A stream worker over a log in a folder; `read` runs it to the end of a file."""

    def __init__(self, log: EmbeddedLog, folder: Path) -> None:
        self.folder, self.log, self.clock = folder, Flaky(log), SystemClock()
        self.brands = Brands()
        self.health = StageHealth("stream", self.clock)
        self.stopping = asyncio.Event()

    def worker(self, source: Any) -> StreamWorker:
        letters = DeadLetters(self.log, MENTIONS, "stream", self.clock)  # type: ignore[arg-type]
        return StreamWorker(self.log, source, self.brands, self.clock, self.health, letters)  # type: ignore[arg-type]

    async def read(self, *lines: Any, file: Path | None = None) -> dict[str, int]:
        if file is None:
            file = self.folder / "posts.jsonl"
            file.write_bytes(b"".join(encoded(line) + b"\n" for line in lines))
        worker = self.worker(ReplaySource(str(file), "max", self.clock))
        self.stopping = asyncio.Event()
        task = asyncio.create_task(worker.run(self.stopping))
        ended = asyncio.create_task(worker.source_ended.wait())
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        self.stopping.set()
        await task
        assert self.health.lag == 0
        counts = {name: getattr(worker.counts, name) for name in worker.counts.__slots__}
        assert worker.counts.read == sum(counts.values()) - counts["mentions"]
        return {name: number for name, number in counts.items() if number}

    async def mentions(self) -> list[Mention]:
        return [
            msgspec.json.decode(record.value, type=Mention)
            async for records in self.log.read(MENTIONS, {0: 0})
            for record in records
            if record.value is not None
        ]


def encoded(line: Any) -> bytes:
    return line if isinstance(line, bytes) else json.dumps(line).encode()


def post(post_id: Any, text: str = "acme", **fields: Any) -> dict[str, Any]:
    return {"id": post_id, "text": text} | fields


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    log = EmbeddedLog(tmp_path)
    await log.create_topics(ALL)
    yield House(log, tmp_path)
    await log.close()


async def test_a_matching_post_is_on_the_log_once_however_often_it_comes(house: House) -> None:
    assert await house.read(post(1), post(2, "other"), post("1"), post(3)) == {
        "matched": 2,
        "unmatched": 1,
        "duplicates": 1,
        "mentions": 2,
    }
    assert await house.read(post(1), post(2, "other"), post(3), post(4)) == {
        "matched": 1,
        "unmatched": 1,
        "duplicates": 2,
        "mentions": 1,
    }
    mentions = await house.mentions()
    assert [mention.id for mention in mentions] == ["1", "3", "4"]
    assert all(mention.source == "replay" and mention.received_at for mention in mentions)


async def test_revisions(house: House) -> None:
    history = {"edit_history_tweet_ids": ["1", "2", "3"]}
    first = post("1", "acme one", edit_history_tweet_ids=["1"])
    second, third = post("2", "acme two", **history), post("3", "nothing of ours", **history)
    assert await house.read(first, second) == {"matched": 1, "revisions": 1, "mentions": 2}
    assert await house.read(second, first, post("1", "acme one", **history)) == {"duplicates": 3}
    assert await house.read(third, third, second) == {"revisions": 1, "duplicates": 2, "mentions": 1}
    told = [(mention.id, mention.revision, mention.match, mention.text) for mention in await house.mentions()]
    assert told == [
        ("1", 0, "keyword", "acme one"),
        ("1", 1, "keyword", "acme two"),
        ("1", 2, "revision", "nothing of ours"),
    ]


async def test_a_revision_that_is_seen_first_is_a_match_and_the_original_then_a_duplicate(house: House) -> None:
    history = {"edit_history_tweet_ids": ["1", "2"]}
    assert await house.read(post("2", **history), post("1", "other words")) == {
        "matched": 1,
        "duplicates": 1,
        "mentions": 1,
    }


async def test_two_brands_are_one_match_and_two_mentions(house: House) -> None:
    house.brands.brands = (brand("acme", "acme"), brand("other", "other"))
    both = post(1, "acme and other")
    assert await house.read(both, both, post(2, "other")) == {"matched": 2, "duplicates": 1, "mentions": 3}
    # A third brand is listened for from now on: the post is new to it alone.
    house.brands.brands = (*house.brands.brands, brand("third", "and"))
    assert await house.read(both) == {"matched": 1, "mentions": 1}
    assert [mention.brand for mention in await house.mentions()] == ["acme", "other", "other", "third"]


async def test_an_edit_that_comes_to_a_second_brand_is_a_revision_with_two_mentions(house: House) -> None:
    house.brands.brands = (brand("acme", "acme"), brand("other", "other"))
    edited = post("2", "other", edit_history_tweet_ids=["1", "2"])
    assert await house.read(post("1", "acme"), edited) == {"matched": 1, "revisions": 1, "mentions": 3}
    house.brands.brands = (brand("other", "other"),)  # of a brand that is gone nothing new is told
    again = post("3", "else", edit_history_tweet_ids=["1", "2", "3"])
    assert await house.read(again) == {"revisions": 1, "mentions": 1}


async def test_a_removed_post_never_comes_back(house: House) -> None:
    await house.log.produce(MENTIONS, [Outgoing(0, b"acme/1", None)])
    history = {"edit_history_tweet_ids": ["1", "2"]}
    assert await house.read(post("1"), post("2", **history)) == {"duplicates": 2}


async def test_what_is_no_post_is_counted_and_what_is_broken_is_put_aside_once(house: House) -> None:
    lines: list[Any] = [
        {"data": [post(1), {"id": "2"}], "errors": [{}]},
        {"errors": [{"title": "x"}]},
        b"not json",
        b"",
        b"not json",
        b'{"id":"9","text":"\xff"}',
        {"data": None},
    ]
    expected = {"matched": 1, "mentions": 1, "bad": 4, "other": 2}
    assert await house.read(*lines) == expected
    letters = await list_letters(house.log.log, [MENTIONS])
    assert sorted((letter.where["line"], letter.fault) for letter in letters) == [
        (1, "element 2 of the page: a post without text"),
        (3, "not JSON: Expecting value at character 1"),
        (5, "not JSON: Expecting value at character 1"),
        (6, "not UTF-8: invalid start byte at byte 19"),
    ]
    assert all(letter.where["file"].endswith("posts.jsonl") for letter in letters)
    assert await house.read(*lines) == {"duplicates": 1, "bad": 4, "other": 2}
    assert len(await list_letters(house.log.log, [MENTIONS])) == 4


async def test_thousands_of_broken_lines_stop_nothing(house: House) -> None:
    assert (await house.read(*(b"broken %d" % n for n in range(600)), post(1)))["bad"] == 600
    assert len(await list_letters(house.log.log, [MENTIONS])) == 600


async def test_a_post_too_large_for_the_log_is_put_aside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.stream.intake.MAX_MENTION_BYTES", 1_000_000)
    assert await house.read(post(1, "acme " + "x" * 900_000), post(2, "acme " + "x" * 1_000_000), post(3)) == {
        "matched": 2,
        "mentions": 2,
        "bad": 1,
    }


async def test_x_real_lines(house: House) -> None:
    house.brands = Brands("hey", "miss", "twitter")
    assert await house.read(file=DATA / "edited_before.jsonl") == {"matched": 1, "mentions": 1}
    assert await house.read(file=DATA / "edited_after.jsonl") == {"revisions": 1, "mentions": 1}
    assert await house.read(file=DATA / "edited_after.jsonl") == {"duplicates": 1}
    stream = await house.read(file=DATA / "streaming_output_with_error.jsonl")
    assert (stream["bad"], sum(stream.values()) - stream.get("mentions", 0)) == (1, 8)
    assert await house.read(file=DATA / "counts.jsonl") == {"other": 1}


async def test_one_id_goes_with_the_post_from_here_on(house: House) -> None:
    house.brands.brands = (brand("acme", "acme"), brand("other", "other"))
    await house.read(post(1, "acme other"), post(2))
    headers = [
        dict(record.headers)["traceparent"] async for records in house.log.read(MENTIONS, {0: 0}) for record in records
    ]
    assert headers[0] == headers[1] != headers[2]
    version, trace, span, flags = headers[0].decode().split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")


async def test_nothing_is_seen_before_the_log_has_it(house: House, tmp_path: Path) -> None:
    house.log.away = True
    source = Slow([[Line(1, encoded(post(1)))], [Line(2, encoded(post(1))), Line(3, encoded(post(2)))], []])
    worker = house.worker(source)
    task = asyncio.create_task(worker.run(house.stopping))
    await until(lambda: "waits for log" in house.health.reasons)
    await asyncio.sleep(0.3)
    assert worker.counts.read == 0
    assert source.taken <= 2  # one batch on its way, one prepared: the source is not read on
    assert not await house.mentions()
    house.log.away = False
    await worker.source_ended.wait()
    assert house.health.ready
    house.stopping.set()
    await task
    assert (worker.counts.matched, worker.counts.duplicates, worker.counts.mentions) == (2, 1, 2)
    assert [mention.id for mention in await house.mentions()] == ["1", "2"]


async def test_an_acknowledgement_that_got_lost_makes_the_record_twice_never_none(house: House) -> None:
    house.log.away = house.log.wrote_before_failing = True
    worker = house.worker(Slow([[Line(1, encoded(post(1)))]]))
    task = asyncio.create_task(worker.run(house.stopping))
    await until(lambda: "waits for log" in house.health.reasons)
    house.log.away = False
    await worker.source_ended.wait()
    house.stopping.set()
    await task
    assert worker.counts.mentions == 1
    assert {mention.id for mention in await house.mentions()} == {"1"}


async def test_a_worker_waits_for_topics_that_init_makes(tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path / "new" if (tmp_path / "new").mkdir() is None else tmp_path)
    house = House(log, tmp_path)
    worker = house.worker(Slow([[Line(1, encoded(post(1)))]]))
    task = asyncio.create_task(worker.run(house.stopping))
    await until(lambda: house.health.reasons == ["waits for log"])
    await log.create_topics(ALL)
    await worker.source_ended.wait()
    house.stopping.set()
    await task
    assert worker.counts.matched == 1
    await log.close()


async def test_a_stop_while_the_log_is_away(house: House) -> None:
    house.log.away = True
    worker = house.worker(Slow([[Line(1, encoded(post(1)))]], endless=True))
    task = asyncio.create_task(worker.run(house.stopping))
    await until(lambda: "waits for log" in house.health.reasons)
    house.stopping.set()
    await asyncio.sleep(0.05)
    assert not task.done()  # it tries on, as long as the drain's deadline lets it
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert worker.counts.read == 0
    assert house.health.lag == 0


async def test_a_stop_finishes_what_is_in_flight(house: House) -> None:
    worker = house.worker(Slow([[Line(n, encoded(post(n)))] for n in range(1, 6)], endless=True))
    task = asyncio.create_task(worker.run(house.stopping))
    await until(lambda: worker.counts.read == 5)
    house.stopping.set()
    await asyncio.wait_for(task, 2)
    assert not worker.source_ended.is_set()


async def test_a_failure_is_told_though_the_source_is_silent(house: House) -> None:
    async def full(topic: Any, records: Any) -> None:
        raise StopError("the disk is full")

    house.log.produce = full  # type: ignore[method-assign]
    worker = house.worker(Slow([[Line(1, encoded(post(1)))]], endless=True))
    with pytest.raises(StopError, match="disk is full"):
        await asyncio.wait_for(worker.run(house.stopping), 2)
    assert worker.counts.read == 0


async def test_changed_brands_are_in_force_with_the_next_batch(house: House) -> None:
    source = Slow([[Line(1, encoded(post(1, "neu")))], [Line(2, encoded(post(2, "neu")))]], gate=True)
    worker = house.worker(source)
    task = asyncio.create_task(worker.run(house.stopping))
    await until(lambda: worker.counts.read == 1)
    house.brands.brands = (brand("acme", "neu"),)
    source.open.set()
    await worker.source_ended.wait()
    house.stopping.set()
    await task
    assert (worker.counts.unmatched, worker.counts.matched) == (1, 1)


async def test_a_large_page_lets_other_work_run(house: House) -> None:
    page = {"data": [post(n, "あのアクメの話…" * 10) for n in range(3_000)]}
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await house.read(page)
    task.cancel()
    assert turns > 25


class Slow:
    """A source of given batches; `endless`: it then stays open until it is stopped."""

    name = "replay"

    def __init__(self, batches: list[list[Line]], *, endless: bool = False, gate: bool = False) -> None:
        self._batches, self._endless, self._gate = batches, endless, gate
        self.taken, self.open = 0, asyncio.Event()
        self.acked: list[int] = []

    def acknowledged(self, lines: Sequence[Line]) -> None:
        self.acked += [line.number for line in lines]

    def where(self, line: Line) -> dict[str, Any]:
        return {"file": "given", "line": line.number}

    async def batches(self, stopping: asyncio.Event) -> AsyncIterator[list[Line]]:
        for batch in self._batches:
            self.taken += 1
            yield batch
            if self._gate:
                await self.open.wait()
        if self._endless:
            await stopping.wait()


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.005)
