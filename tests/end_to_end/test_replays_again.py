"""A file given again adds nothing, a grown one only its new lines, and standard input is followed."""

import subprocess
from pathlib import Path

import pytest

from tests.support.posts import COMPLAINTS, START, line
from tests.support.scene import BRANDS, Scene, routes
from tests.support.sink import Sink


@pytest.fixture
def scene(tmp_path: Path, sink: Sink) -> Scene:
    scene = Scene(tmp_path)
    scene.write("brands.yaml", BRANDS)
    scene.write("routes.yaml", routes(sink.url))
    return scene


def complaint(number: int) -> str:
    return line(COMPLAINTS[0], START, number, author=number)


def test_only_what_is_new(scene: Scene, sink: Sink) -> None:
    file = scene.folder / "posts.jsonl"
    file.write_text("".join(complaint(n) + "\n" for n in range(5)), encoding="utf-8")
    first = scene.replay(file)
    assert (first["matched"], first["mentions"], first["marks"]) == (5, 5, 5)
    assert first["incidents"] == {"opened": 5, "open": 5}
    assert first["notifications"] == {"sent": 5, "failed": 0, "pending": 0}
    again = scene.replay(file)
    assert (again["duplicates"], again["mentions"], again["notifications"]["sent"]) == (5, 0, 0)
    with file.open("a", encoding="utf-8") as grown:
        grown.write(complaint(5) + "\n")
    grown_summary = scene.replay(file)
    assert (grown_summary["matched"], grown_summary["duplicates"], grown_summary["notifications"]["sent"]) == (1, 5, 1)
    assert len(sink.delivered) == len(scene.posts()) == len(scene.incidents()) == 6


def test_standard_input_is_told_while_it_goes_on(scene: Scene, sink: Sink) -> None:
    with scene.start("run", "--source", "replay", "--file", "-", stdin=subprocess.PIPE) as process:
        process.feed(complaint(1))
        (told,) = sink.wait_for(1)
        process.feed(complaint(2))
        assert len(sink.wait_for(2)) == 2
        assert process.terminate() == 0
    assert told.json["reason"] == "first"
    assert told.json["posts"][0]["text"] == COMPLAINTS[0]


def test_the_file_and_the_cursor_are_not_what_counts(scene: Scene) -> None:
    """Posts are recognised by id: a copy under another name, packed or flattened, is the same posts."""
    one, two = scene.folder / "one.jsonl", scene.folder / "two.jsonl"
    one.write_text(complaint(1) + "\n", encoding="utf-8")
    two.write_text(complaint(2) + "\n" + complaint(1) + "\n", encoding="utf-8")
    assert scene.replay(one)["matched"] == 1
    summary = scene.replay(two)
    assert (summary["matched"], summary["duplicates"]) == (1, 1)
