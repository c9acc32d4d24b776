"""What a file may hold that nobody expects: each post is accounted for, nothing stops, nothing is lost."""

import gzip
import json
from pathlib import Path

import pytest

from tests.support.posts import COMPLAINTS, START, line, post_id
from tests.support.scene import BRANDS, TERMINAL, Scene

COMPLAINT = COMPLAINTS[0]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.write("brands.yaml", BRANDS)
    scene.write("routes.yaml", TERMINAL)
    return scene


def post(**fields: object) -> bytes:
    """One flattened post; a field set to None is absent."""
    whole = json.loads(line(COMPLAINT))["data"] | fields
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


def deep(levels: int) -> bytes:
    return post()[:-1] + b', "context_annotations": ' + b"[" * levels + b"]" * levels + b"}"


# name: (the file, its counts other than zero)
ONE = {"read": 1, "matched": 1, "mentions": 1, "marks": 1}
BAD = {"read": 1, "bad": 1, "dead_letters": 1}
CASES: dict[str, tuple[bytes, dict[str, int]]] = {
    "a line of 1 MB": (post(text=COMPLAINT + " x" * 500_000), ONE),
    "invalid UTF-8": (post().replace(b"refund", b"\xff\xfe refund"), BAD),
    "lone surrogate": (post().replace(b"refund", b"refund \\ud83d"), ONE),
    "NUL": (post(text=f"{COMPLAINT}\0"), ONE),
    "numbers as strings": (post(id="17", public_metrics={"like_count": "3"}, edit_history_tweet_ids=["17"]), ONE),
    "strings as numbers": (post(id=17, author_id=5, edit_history_tweet_ids=[17], conversation_id=17), ONE),
    "absent author": (post(author_id=None), ONE),
    "absent lang": (post(lang=None), ONE),
    "deep nesting": (deep(100_000), BAD),
    "some nesting": (deep(50), ONE),
    "empty file": (b"", {}),
    "blank lines": (b"\n\r\n\n" + post() + b"\r\n\n", ONE),
    "no id": (post(id=None), BAD),
    "not JSON": (b"half a li", BAD),
    "an errors object": (b'{"errors": [{"title": "Not Found Error", "value": "1"}]}', {"read": 1, "other": 1}),
    "a page with errors": (
        b'{"data": ['
        + post(id="21", edit_history_tweet_ids=["21"])
        + b","
        + post(id="22", edit_history_tweet_ids=["22"])
        + b'], "errors": [{"title": "Not Found Error"}], "meta": {"result_count": 2}}',
        {"read": 2, "matched": 2, "mentions": 2, "marks": 2},
    ),
    "data is null": (b'{"data": null}', {"read": 1, "other": 1}),
}
COUNTS = (
    "read",
    "matched",
    "unmatched",
    "duplicates",
    "revisions",
    "other",
    "bad",
    "mentions",
    "marks",
    "dead_letters",
)


@pytest.mark.parametrize("name", CASES)
def test_counted_as(scene: Scene, name: str) -> None:
    content, counts = CASES[name]
    file = scene.folder / "posts.jsonl"
    file.write_bytes(content)
    summary = scene.replay(file)
    assert {name: summary[name] for name in COUNTS if summary[name]} == counts


def test_all_in_one_file_and_again(scene: Scene) -> None:
    """Each post is one of its own here, so that every `matched` must stand in the list, once."""
    file = scene.folder / "posts.jsonl"
    own = (
        content.replace(post_id(START).encode(), str(10_000 + number).encode())
        for number, (content, _) in enumerate(CASES.values())
    )
    file.write_bytes(b"\n".join(own))
    expected = {name: sum(counts.get(name, 0) for _, counts in CASES.values()) for name in COUNTS}
    expected["matched"] -= 1  # id 17 as a number and as a string are one post
    expected["mentions"] = expected["marks"] = expected["matched"]
    summary = scene.replay(file)
    assert summary["duplicates"] == 1
    assert {name: summary[name] for name in COUNTS if name != "duplicates"} == {
        name: count for name, count in expected.items() if name != "duplicates"
    }
    assert len(scene.posts()) == expected["matched"]
    again = scene.replay(file)
    assert (again["mentions"], again["dead_letters"]) == (0, 0), "the same file again adds nothing"


def test_gzip_cut_short(scene: Scene) -> None:
    lines = b"\n".join(post(id=str(100 + n), edit_history_tweet_ids=[str(100 + n)]) for n in range(2000)) + b"\n"
    packed = gzip.compress(lines)
    file = scene.folder / "posts.jsonl.gz"
    file.write_bytes(packed[: len(packed) // 2])
    summary = scene.replay(file)
    assert summary["bad"] == 1
    assert 500 < summary["matched"] < 2000
    assert summary["matched"] == len(scene.posts())
    file.write_bytes(packed)
    assert scene.replay(file)["matched"] == 2000 - summary["matched"], "the whole file adds what the cut one lacked"


def test_a_dead_letter_names_file_line_and_fault(scene: Scene) -> None:
    file = scene.folder / "posts.jsonl"
    file.write_bytes(post() + b"\n{broken\n")
    scene.replay(file)
    (letter,) = scene.rows("dead-letters", "list")
    told = json.dumps(letter)
    assert "posts.jsonl" in told
    assert '"line": 2' in told


def test_no_such_file(scene: Scene) -> None:
    done = scene.hikeshi("run", "--source", "replay", "--file", scene.folder / "none.jsonl", "--until-idle")
    assert done.returncode == 2
    assert "none.jsonl" in done.stderr
