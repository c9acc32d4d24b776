"""The source `replay`: files, pipes, pace, what can't be read."""

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError, StopError
from tests.support.clock import FakeClock
from workers.runtime.clock import SystemClock
from workers.stream.pace import Pace
from workers.stream.replay import ReplaySource
from workers.stream.source import Line


async def numbers(source: ReplaySource, stopping: asyncio.Event | None = None) -> list[list[int]]:
    return [[line.number for line in batch] async for batch in source.batches(stopping or asyncio.Event())]


def post(second: int, minute: int = 0) -> bytes:
    created_at = f"2026-08-01T00:{minute:02}:{second:02}.000Z"
    return json.dumps({"id": str(second), "text": "x", "created_at": created_at}).encode() + b"\n"


async def test_a_file_in_batches(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_bytes(b'{"id":1,"text":"x"}\n' * 1_234)
    source = ReplaySource(str(file), "max", SystemClock())
    batches = await numbers(source)
    assert [len(batch) for batch in batches] == [500, 500, 234]
    assert list(chain(*batches)) == list(range(1, 1_235))
    assert source.where(Line(7, b"")) == {"file": str(file), "line": 7}
    assert await numbers(source) == batches  # after a stop that was lifted: anew


async def test_large_lines_make_small_batches(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl.gz"
    file.write_bytes(gzip.compress((b"x" * 300_000 + b"\n") * 10))
    assert [len(batch) for batch in await numbers(ReplaySource(str(file), "max", SystemClock()))] == [4, 4, 2]


async def test_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()
    assert await numbers(ReplaySource(str(file), "max", SystemClock())) == []


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda _: None, "can't be read: No such file or directory; check the path of `--file`"),
        (lambda path: path.mkdir(), "is a folder; name one file of posts to replay"),
        (lambda path: path.symlink_to(path), "can't be read: Too many levels of symbolic links"),
    ],
)
def test_what_cannot_be_read_is_told_before_anything_starts(tmp_path: Path, make, fault: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "posts")
    with pytest.raises(ConfigurationError, match="posts: ") as raised:
        ReplaySource(str(tmp_path / "posts"), "max", SystemClock())
    assert fault in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    file = tmp_path / "posts"
    file.touch(mode=0)
    with pytest.raises(ConfigurationError, match="Permission denied; check its permissions"):
        ReplaySource(str(file), "max", SystemClock())


async def test_a_file_that_goes_while_it_waits_its_turn(tmp_path: Path) -> None:
    file = tmp_path / "posts"
    file.touch()
    source = ReplaySource(str(file), "max", SystemClock())
    file.unlink()
    with pytest.raises(StopError, match="reading failed after line 0: No such file"):
        await numbers(source)


@pytest.fixture
async def pipe(tmp_path: Path) -> AsyncIterator[tuple[ReplaySource, int]]:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    yield ReplaySource(str(path), "max", SystemClock()), writer
    os.close(writer)


async def test_a_pipe_hands_on_what_it_has_without_waiting_for_more(pipe: tuple[ReplaySource, int]) -> None:
    source, writer = pipe
    stopping = asyncio.Event()
    batches = source.batches(stopping)
    os.write(writer, b'{"id":1,"text":"x"}\n{"id":2,"te')
    first = await asyncio.wait_for(anext(batches), 2)
    assert [line.number for line in first] == [1]
    os.write(writer, b'xt":"y"}\n')
    second = await asyncio.wait_for(anext(batches), 2)
    assert second == [Line(2, b'{"id":2,"text":"y"}')]
    waiting = asyncio.create_task(anext(batches, None))
    await asyncio.sleep(0.05)
    stopping.set()
    assert await asyncio.wait_for(waiting, 2) is None


async def test_of_a_pipe_no_more_is_taken_than_a_crash_may_lose(pipe: tuple[ReplaySource, int]) -> None:
    source, writer = pipe
    line = b'{"id":1,"text":""}\n'
    os.write(writer, line * (60_000 // len(line)))
    batches = source.batches(asyncio.Event())
    taken = 0
    for _ in range(2):  # one on its way to the log, one being prepared
        taken += len(await anext(batches))
    left = bytearray()
    os.set_blocking(writer, False)
    try:
        while chunk := os.read(writer, 65_536):
            left += chunk
    except BlockingIOError:
        pass
    read = 60_000 // len(line) - left.count(b"\n")
    assert taken <= read <= 1_000


async def test_the_recorded_pace(tmp_path: Path) -> None:
    file = tmp_path / "posts"
    file.write_bytes(post(10) + post(12) + post(11) + b"broken\n" + post(20) + post(20) + post(30))
    clock = FakeClock()
    source = ReplaySource(str(file), 2.0, clock)
    seen: list[tuple[float, list[int]]] = []

    async def read() -> None:
        async for batch in source.batches(asyncio.Event()):
            seen.append((clock.monotonic(), [line.number for line in batch]))  # noqa: PERF401 - the time matters

    task = asyncio.create_task(read())
    while not clock.sleepers:  # noqa: ASYNC110 - the file is read in a thread
        await asyncio.sleep(0.001)
    for _ in range(100):
        await clock.advance(0.5)
    await task
    assert seen == [(0.0, [1]), (1.0, [2, 3, 4]), (5.0, [5, 6]), (10.0, [7])]


async def test_a_paced_replay_stops_at_once(tmp_path: Path) -> None:
    file = tmp_path / "posts"
    file.write_bytes(post(10) + post(50))
    stopping = asyncio.Event()
    task = asyncio.create_task(numbers(ReplaySource(str(file), 0.001, SystemClock()), stopping))
    await asyncio.sleep(0.1)
    stopping.set()
    assert await asyncio.wait_for(task, 2) == [[1]]


def test_a_page_is_due_with_its_newest_post() -> None:
    clock = FakeClock()
    pace = Pace(1.0, clock)
    page = b'{"data":[' + post(40).strip() + b"," + post(20).strip() + b"]}"
    assert pace.wait_seconds(post(10)) == 0
    assert pace.wait_seconds(page) == 30
    assert pace.wait_seconds(b"{}") == 0
    assert pace.wait_seconds(b'{"id":"1","text":"no time"}') == 0


async def test_standard_input_followed_by_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr("workers.stream.chunks._STANDARD_INPUT", reader)
    source = ReplaySource("-", "max", SystemClock())
    os.write(writer, b'{"id":1,"text":"x"}\n{"id":2,"text":"y"}')
    os.close(writer)
    lines = [line async for batch in source.batches(asyncio.Event()) for line in batch]
    os.close(reader)
    assert lines == [Line(1, b'{"id":1,"text":"x"}'), Line(2, b'{"id":2,"text":"y"}')]
    assert source.where(lines[0]) == {"file": "-", "line": 1}
