"""Plain and gzipped bytes as lines: cut, damaged, padded, joined, too long."""

import gzip
import json
import random

import pytest

from workers.stream.lines import MAX_LINE_BYTES, LineSplitter
from workers.stream.source import Line

POSTS = [json.dumps({"id": str(n), "text": f"post {n} " + "x" * (n % 50)}).encode() for n in range(1, 401)]
PLAIN = b"".join(post + b"\n" for post in POSTS)
ZIPPED = gzip.compress(PLAIN)


def lines_of(data: bytes, chunk: int = 1000) -> list[Line]:
    splitter = LineSplitter("posts.jsonl")
    lines = [line for start in range(0, len(data), chunk) for line in splitter.feed(data[start : start + chunk])]
    return [*lines, *splitter.finish()]


@pytest.mark.parametrize("chunk", [1, 7, 1000, 1_000_000])
@pytest.mark.parametrize("data", [PLAIN, PLAIN.rstrip(b"\n"), ZIPPED, PLAIN.replace(b"\n", b"\r\n")])
def test_the_same_lines_whatever_the_chunks(data: bytes, chunk: int) -> None:
    lines = lines_of(data, chunk)
    assert [line.data.rstrip(b"\r") for line in lines] == POSTS
    assert [line.number for line in lines] == list(range(1, 401))
    assert not any(line.fault for line in lines)


@pytest.mark.parametrize("data", [b"", gzip.compress(b""), b"\n\n \r\n", gzip.compress(b"\n")])
def test_nothing_to_read(data: bytes) -> None:
    assert lines_of(data) == []


def test_blank_lines_count_as_lines_of_the_file_alone() -> None:
    assert lines_of(b'\n{"a":1}\n\r\n \n{"b":2}') == [Line(2, b'{"a":1}'), Line(5, b'{"b":2}')]


def test_one_byte() -> None:
    assert lines_of(b"x") == [Line(1, b"x")]


@pytest.mark.parametrize("cut", range(1, len(ZIPPED) - 12, 97))
def test_a_cut_gzip_gives_its_whole_lines_and_one_fault(cut: int) -> None:
    lines = lines_of(ZIPPED[:cut])
    if cut == 1:
        assert lines == [Line(1, ZIPPED[:1])]
        return
    *whole, last = lines
    assert last.fault == "the gzip file is cut: its end is missing"
    assert last.number == len(whole) + 1
    assert last.data
    assert [line.data for line in whole] == POSTS[: len(whole)]
    assert not any(line.fault for line in whole)


@pytest.mark.parametrize("missing", [1, 4, 8])
def test_a_gzip_that_lacks_only_its_trailer_gives_every_line(missing: int) -> None:
    for data in (PLAIN, PLAIN.rstrip(b"\n")):
        *whole, last = lines_of(gzip.compress(data)[:-missing])
        assert [line.data for line in whole] == POSTS
        assert last == Line(401, b"posts.jsonl: ends at line 401", "the gzip file is cut: its end is missing")


def test_members_one_after_the_other_and_padding() -> None:
    assert [line.data for line in lines_of(ZIPPED + ZIPPED + bytes(5_000))] == POSTS * 2


def test_what_follows_a_gzip_and_is_none() -> None:
    *whole, last = lines_of(ZIPPED + b"hello")
    assert [line.data for line in whole] == POSTS
    assert last.fault
    assert last.fault.startswith("the gzip file is damaged from here on")


def test_a_damaged_gzip_gives_what_stands_before() -> None:
    noise = random.Random(5)
    text = b"".join(b'{"id":"%d","text":"%s"}\n' % (n, noise.randbytes(30).hex().encode()) for n in range(2_000))
    whole = gzip.compress(text)
    middle = len(whole) // 2
    lines = lines_of(whole[:middle] + b"\xff" * 2_000 + whole[middle + 2_000 :], 100_000)
    assert lines[-1].fault
    assert len(lines) > 800
    assert sum(line.fault is not None for line in lines) == 1


def test_a_small_file_that_holds_very_much_is_read_bit_by_bit() -> None:
    splitter = LineSplitter("bomb.gz")
    line = b"y" * 1_000_000 + b"\n"
    first = next(splitter.feed(gzip.compress(line * 50)))
    assert first == Line(1, line[:-1])


def test_a_line_that_is_too_long_is_one_fault_and_the_next_is_read() -> None:
    lines = lines_of(b"a" * (MAX_LINE_BYTES + 1) + b'\n{"b":1}\n', 100_000)
    assert lines[0].fault == "a line of more than 8388608 bytes"
    assert lines[0].data == b"a" * (256 * 1024)
    assert lines[1] == Line(2, b'{"b":1}')
    fits = lines_of(b"a" * MAX_LINE_BYTES + b"\n", 100_000)
    assert fits == [Line(1, b"a" * MAX_LINE_BYTES)]
