"""X's real answers (twarc-csv's test data, MIT) through the whole program: every post is accounted for."""

import json
from pathlib import Path

import pytest

from tests.support.scene import TERMINAL, Scene

DATA = Path(__file__).parents[1] / "data" / "twarc-csv"
# Nearly every text in Latin letters holds one of these.
BRANDS = """\
brands:
  - name: vowels
    keywords: [{text: a, match: anywhere}, {text: e, match: anywhere}, {text: o, match: anywhere}]
    burst: false
"""


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.write("brands.yaml", BRANDS)
    scene.write("routes.yaml", TERMINAL)
    return scene


def test_a_cut_stream_is_read_to_its_last_whole_line(scene: Scene) -> None:
    file = DATA / "streaming_output_with_error.jsonl"
    summary = scene.replay(file)
    assert (summary["read"], summary["bad"], summary["dead_letters"]) == (8, 1, 1)
    assert summary["matched"] == summary["mentions"] == summary["marks"] == len(scene.posts())
    (letter,) = scene.rows("dead-letters", "list")
    lines = file.read_bytes().splitlines()
    (line,) = [number for number, text in enumerate(lines, 1) if not is_json(text)]
    assert f'"line": {line}' in json.dumps(letter)
    assert file.name in json.dumps(letter)
    assert scene.replay(file)["dead_letters"] == 0, "the same line again makes no second one"


def test_an_edited_post_is_a_revision(scene: Scene) -> None:
    assert scene.replay(DATA / "edited_before.jsonl")["matched"] == 1
    summary = scene.replay(DATA / "edited_after.jsonl")
    assert (summary["revisions"], summary["matched"], summary["mentions"]) == (1, 0, 1)
    assert scene.replay(DATA / "edited_before.jsonl")["duplicates"] == 1, "an older revision again is nothing new"
    (post,) = scene.posts()
    assert (post["id"], post["revision"]) == ("1576994746135764992", 1)


def test_everything_in_one_file(scene: Scene) -> None:
    """Stream lines, search pages, flattened posts, users, lists, counts, compliance and a cut line."""
    file = scene.folder / "all.jsonl"
    files = sorted(DATA.glob("*.jsonl"))
    file.write_bytes(b"\n".join(path.read_bytes().strip() for path in files) + b"\n")
    summary = scene.replay(file)
    assert (summary["bad"], summary["other"], summary["dead_letters"]) == (1, 8, 1)
    posts = summary["matched"] + summary["unmatched"] + summary["duplicates"] + summary["revisions"]
    assert posts == 20
    assert summary["mentions"] == summary["marks"] == summary["matched"] + summary["revisions"]
    assert summary["matched"] == len(scene.posts())
    again = scene.replay(file)
    assert (again["read"], again["bad"], again["other"]) == (summary["read"], 1, 8)
    assert (again["matched"], again["revisions"], again["mentions"], again["dead_letters"]) == (0, 0, 0, 0)


def is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
