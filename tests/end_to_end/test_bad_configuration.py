"""What a user may get wrong before the start: each a clear line of file, line, field and remedy, and exit status 2."""

import socket
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from tests.support.posts import COMPLAINTS, line
from tests.support.process import Process
from tests.support.scene import BRANDS, Scene

NOTHING: Mapping[str, str] = MappingProxyType({})
WEBHOOK = 'receivers:\n  - name: desk\n    webhook: {url: "http://127.0.0.1:9/hook"}\n'


class Case(NamedTuple):
    """Files of the configuration and settings, and what the one line about the fault must say."""

    said: tuple[str, ...]
    files: Mapping[str, str] = NOTHING
    settings: Mapping[str, str] = NOTHING


def brand(keys: str) -> dict[str, str]:
    return {"brands.yaml": f"brands:\n  - {keys}\n"}


CASES: dict[str, Case] = {
    "unknown key": Case(
        ("brands.yaml:4: ", "keyword", "did you mean `keywords`"),
        brand("name: Acme\n    id: acme\n    keyword: [Acme]"),
    ),
    "unknown key of a route": Case(
        ("routes.yaml:6: ", "group_weight"),
        {"routes.yaml": f"{WEBHOOK}route:\n  receivers: [desk]\n  group_weight: 3s\n"},
    ),
    "wrong type": Case(("brands.yaml:3: ", "keywords"), brand("name: Acme\n    keywords: Acme")),
    "missing file": Case(("brands.yaml",), {"brands.yaml": ""}),
    "empty file": Case(("brands.yaml", "empty"), {"brands.yaml": "\n"}),
    "YAML fault in Japanese": Case(("brands.yaml:3",), brand('name: アクメ\n    keywords: [アクメ, "充電器')),
    "duplicate brand": Case(
        ("brands.yaml:4: ", "acme"),
        {"brands.yaml": "brands:\n  - name: Acme\n    keywords: [Acme]\n  - name: ACME\n    keywords: [ACME]\n"},
    ),
    "empty keyword": Case(("brands.yaml:3: ", "keywords"), brand('name: Acme\n    keywords: [Acme, ""]')),
    "no ASCII name and no id": Case(
        ("brands.yaml:2: ", "アクメ", "id: acme"), brand("name: アクメ\n    keywords: [アクメ]")
    ),
    "route to an unknown receiver": Case(
        ("routes.yaml:5: ", "pager"), {"routes.yaml": f"{WEBHOOK}route:\n  receivers: [pager]\n"}
    ),
    "escalation loop": Case(
        ("routes.yaml", "escalations"),
        {
            "routes.yaml": WEBHOOK
            + "route:\n  receivers: [desk]\nescalations:\n  night: [{notify: desk}, {repeat: 3}]\n"
        },
    ),
    "fallback loop": Case(
        ("routes.yaml", "fallback"), {"routes.yaml": WEBHOOK + "    fallback: desk\nroute:\n  receivers: [desk]\n"}
    ),
    "bad duration": Case(
        ("routes.yaml:6: ", "group_wait", "30s"),
        {"routes.yaml": f"{WEBHOOK}route:\n  receivers: [desk]\n  group_wait: soon\n"},
    ),
    "bad time zone": Case(
        ("brands.yaml:4: ", "timezone", "Asia/Tokio"),
        brand("name: Acme\n    keywords: [Acme]\n    timezone: Asia/Tokio"),
    ),
    "unreadable secret file": Case(
        ("routes.yaml:3: ", "no-such-secret"),
        {"routes.yaml": WEBHOOK.replace("}", ", secret_file: /no-such-secret}") + "route:\n  receivers: [desk]\n"},
    ),
    "unreadable secret file in the environment": Case(
        ("HIKESHI_STORE__URL_FILE", "no-such-secret"), settings={"HIKESHI_STORE__URL_FILE": "/no-such-secret"}
    ),
    "unknown environment variable": Case(("HIKESHI_LANGAUGE", "HIKESHI_LANGUAGE"), settings={"HIKESHI_LANGAUGE": "ja"}),
    "Kafka with SQLite": Case(("HIKESHI_STORE__URL",), settings={"HIKESHI_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9"}),
    "PostgreSQL without Kafka": Case(
        ("HIKESHI_KAFKA__BOOTSTRAP_SERVERS",), settings={"HIKESHI_STORE__URL": "postgresql://hikeshi@127.0.0.1:9/x"}
    ),
    "a later issue's key": Case(
        ("routes.yaml", "pagerduty"),
        {"routes.yaml": "receivers:\n  - name: desk\n    pagerduty: {routing_key: x}\nroute:\n  receivers: [desk]\n"},
    ),
}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.write("brands.yaml", BRANDS)
    (tmp_path / "posts.jsonl").write_text(line(COMPLAINTS[0]) + "\n", encoding="utf-8")
    return scene


def start(scene: Scene, *more: str) -> Process:
    file = scene.folder / "posts.jsonl"
    return scene.hikeshi("run", "--source", "replay", "--file", file, "--until-idle", "--json", *more)


def assert_refused(done: Process, said: tuple[str, ...], status: int = 2) -> None:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert any(all(word in told for word in said) for told in done.stderr.splitlines()), done.stderr


@pytest.mark.parametrize("name", CASES)
def test_refused_with_its_place_and_remedy(scene: Scene, name: str) -> None:
    case = CASES[name]
    for file, text in case.files.items():
        path = scene.write(file, text)
        if not text:
            path.unlink()
    scene.settings |= case.settings
    assert_refused(start(scene), case.said)


def test_all_faults_of_all_files_are_told_at_once(scene: Scene) -> None:
    scene.write("brands.yaml", "brands:\n  - name: Acme\n    keywords: []\n    zone: x\n")
    scene.write("routes.yaml", f"{WEBHOOK}route:\n  receivers: [pager]\n  group_wait: soon\n")
    told = start(scene).stderr
    assert told.count("brands.yaml:") >= 2, told
    assert told.count("routes.yaml:") >= 2, told


@pytest.mark.parametrize("server", ["METRICS", "CONSOLE"])
def test_port_in_use(scene: Scene, server: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        scene.settings[f"HIKESHI_{server}__PORT"] = str(port)
        assert_refused(start(scene), (str(port), "in use", f"HIKESHI_{server}__PORT"))


@pytest.mark.parametrize("folder", ["/proc", "/proc/hikeshi"])
def test_folder_not_writable(scene: Scene, folder: str) -> None:
    """Places where even root can't write."""
    assert_refused(start(scene, "--data", folder), (folder,))


def test_folder_in_use_by_another_run(scene: Scene) -> None:
    with scene.start("run", "--source", "replay", "--file", "-", stdin=-1) as first:
        first.wait_for_log("stage_started")
        assert_refused(start(scene), (str(scene.data), "in use"))
        assert first.terminate() == 0


def test_a_receiver_and_no_source(scene: Scene) -> None:
    scene.write("routes.yaml", f"{WEBHOOK}route:\n  receivers: [desk]\n")
    assert_refused(scene.hikeshi("run"), ("--source sample", "BEARER_TOKEN"))
