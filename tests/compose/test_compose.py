"""`docker compose up` for real: the sample crisis, a worker scaled under load, stopped and started with its volumes."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compose.project import REPLAY, Project
from tests.support.posts import mixed
from tests.support.scene import BRANDS, Scene, roots, routes
from tests.support.sink import Sink

LINES = 1500
SPEED = "25"  # the file is 1,500 s long: a minute


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    try:
        yield project
    finally:
        project.down("-v", "--timeout", "5")


@pytest.mark.docker
@pytest.mark.timeout(900)
def test_nothing_is_lost_or_doubled(project: Project, tmp_path: Path) -> None:
    with Sink(host="0.0.0.0") as sink:  # noqa: S104  containers come over their bridge
        undisturbed = prepare(tmp_path, sink)
        project.settings["HIKESHI_SOURCE"] = "sample"
        project.up("--build")
        project.until(lambda: bool(project.rows("incidents", "list")), 120, "an incident of the sample crisis")
        project.until(lambda: any(request.json["sample"] for request in sink.delivered), 60, "an alert of the sample")

        project.files.append(REPLAY)
        project.settings["TEST_SPEED"] = SPEED
        project.up("--scale", "classifier=3")
        project.until(lambda: project.members("classifier") == 3, 60, "three members")
        project.until(lambda: len(project.posts("acme")) > LINES // 10, 60, "the replay on its way")
        project.up("--scale", "classifier=1")
        project.until(lambda: project.members("classifier") == 1, 60, "one member")
        project.until(lambda: len(project.posts("acme")) == len(undisturbed["posts"]), 120, "every post")
        assert project.roots("acme") == undisturbed["roots"]

        sample = sorted(post["id"] for post in project.rows("posts", "list") if post["brand"] != "acme")
        project.down()
        project.settings["TEST_SPEED"] = "max"
        project.up()
        project.until(lambda: "source_ended" in project.compose("logs", "stream"), 60, "the file's end, again")
        assert sorted(project.posts("acme")) == undisturbed["posts"]
        assert project.roots("acme") == undisturbed["roots"]
        assert sample == sorted(post["id"] for post in project.rows("posts", "list") if post["brand"] != "acme")
        firsts = [r.json["incident"]["id"] for r in sink.delivered if r.json["reason"] == "first"]
        assert len(firsts) == len(set(firsts))
        assert not sink.faults


def prepare(folder: Path, sink: Sink) -> dict[str, Any]:
    """Write what the containers read; replay it once in one process to know what must come of it."""
    (folder / "replay").mkdir()
    (folder / "replay" / "posts.jsonl").write_text("\n".join(mixed(LINES)) + "\n", encoding="utf-8")
    scene = Scene(folder / "undisturbed")
    scene.write("brands.yaml", BRANDS)
    shutil.copytree(scene.config, folder / "config")
    (folder / "config" / "routes.yaml").write_text(routes(f"http://receiver:{sink.port}/hook"), encoding="utf-8")
    for path in [folder, *folder.rglob("*")]:  # the containers' user must read them, whatever our umask
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    scene.replay(folder / "replay" / "posts.jsonl")
    return {"posts": sorted(post["id"] for post in scene.posts()), "roots": roots(scene.incidents())}
