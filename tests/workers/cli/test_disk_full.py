"""A disk that fills up during a run: one clear message, exit status 1, and after making room all of it is there."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.posts import mixed
from tests.support.scene import BRANDS, Scene, roots


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """2 MB of memory as a disk of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


ROUTES = """\
receivers:
  - name: terminal
    console: {}
route:
  receivers: [terminal]
  group_wait: 100ms
  group_interval: 1s
"""


def a_scene(folder: Path, data: Path) -> Scene:
    scene = Scene(folder, {"HIKESHI_DATA": str(data)})
    scene.write("brands.yaml", BRANDS)
    scene.write("routes.yaml", ROUTES)
    return scene


def test_disk_full(tmp_path: Path, small_disk: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text("\n".join(mixed(2500)) + "\n", encoding="utf-8")
    scene = a_scene(tmp_path / "full", small_disk)
    full = scene.hikeshi("run", "--source", "replay", "--file", file, "--until-idle", "--json")
    assert full.returncode == 1
    assert "disk is full" in full.stderr
    assert "Traceback" not in full.stderr

    subprocess.run(["mount", "-o", "remount,size=500m", small_disk], check=True)
    scene.replay(file)
    undisturbed = a_scene(tmp_path / "undisturbed", tmp_path / "data")
    undisturbed.replay(file)
    assert {row["id"]: row["kind"] for row in scene.posts()} == {r["id"]: r["kind"] for r in undisturbed.posts()}
    assert roots(scene.incidents()) == roots(undisturbed.incidents())
