"""`hikeshi posts mark` and `posts marks`: what a person types wrong is said with the remedy."""

from pathlib import Path

import pytest

from tests.support.posts import line
from tests.support.scene import BRANDS, TERMINAL, Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    scene = Scene(tmp_path_factory.mktemp("marks"))
    scene.write("brands.yaml", BRANDS + "  - {name: Bolt, id: bolt, keywords: [Acme]}\n")
    scene.write("routes.yaml", TERMINAL)
    file = scene.folder / "posts.jsonl"
    file.write_text(line("Acme is slow today", id="7") + "\n", encoding="utf-8")
    scene.replay(file)
    return scene


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mark", "7", "--by", "yuki"), "--kind"),
        (("mark", "7", "--kind", "irrelevant"), "--by"),
        (("mark", "7", "--kind", "irrelevant", "--by", " "), "say who you are"),
        (("mark", "7", "--kind", "nice", "--by", "yuki"), "complaint"),
        (("mark", "7", "--kind", "irrelevant", "--by", "yuki"), "name one with --brand"),
        (("mark", "7", "--kind", "irrelevant", "--by", "yuki", "--brand", "nobody"), "no such post of the brand"),
        (("mark", "8", "--kind", "irrelevant", "--by", "yuki"), "no such post is stored"),
        (("marks", "undo", "x", "--by", "yuki"), "no such mark"),
    ],
)
def test_a_fault_is_said_with_exit_status_2(scene: Scene, arguments: tuple[str, ...], said: str) -> None:
    done = scene.hikeshi("posts", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_link_names_a_post_and_the_list_reads_well(scene: Scene) -> None:
    link = "https://x.com/somebody/status/7?s=20"
    done = scene.hikeshi("posts", "mark", link, "--kind", "praise", "--by", "yuki", "--brand", "bolt")
    assert done.returncode == 0, done.stderr
    assert "bolt/7" in done.stdout
    listed = scene.hikeshi("posts", "marks", "list", "--brand", "bolt").stdout
    assert "yuki" in listed
    assert "praise" in listed
    assert scene.rows("posts", "marks", "list", "--brand", "acme") == []


def test_without_data_it_says_so(tmp_path: Path) -> None:
    empty = Scene(tmp_path)
    empty.write("brands.yaml", BRANDS)
    done = empty.hikeshi("posts", "marks", "list")
    assert done.returncode == 2
    assert "no data here yet" in done.stderr
