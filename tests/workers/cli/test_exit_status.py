"""The command line in real processes: exit statuses, one clear message, no stack."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from workers.cli.main import cli

ROOT = Path(__file__).parents[3]
BRANDS = "brands:\n  - {name: Acme, keywords: [Acme]}\n"
POST = '{"data":{"id":"1","text":"Acme burns","created_at":"2026-04-01T00:00:00Z"}}\n'


class Place:
    """A folder with configuration and posts, to run the program in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config").mkdir()
        (folder / "config" / "brands.yaml").write_text(BRANDS)
        (folder / "posts.jsonl").write_text(POST)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("HIKESHI_")}
        self.environment |= {"PYTHONPATH": str(ROOT), "HIKESHI_METRICS__PORT": "0", "HIKESHI_CONSOLE__PORT": "0"}

    def __call__(self, *arguments: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "workers.cli.main", *arguments], cwd=self.folder, input=given, text=True,
            env=self.environment | settings, capture_output=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.fixture
def hikeshi(tmp_path: Path) -> Place:
    return Place(tmp_path)


def assert_refused(done: subprocess.CompletedProcess[str], *said: str, status: int = 2) -> None:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    for word in said:
        assert word in done.stderr, done.stderr


REPLAY = ("run", "--source", "replay", "--file", "posts.jsonl", "--until-idle")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nix"], "No such option"),
        (["nix"], "No such command"),
        (["run", "--speed", "fast", "--source", "replay", "--file", "posts.jsonl"], "speed"),
        (["run", "--idle-timeout", "soon"], "not a duration"),
        (["run", "--source", "x"], "HIKESHI_X__BEARER_TOKEN"),
        (["run", "--source", "x", "--until-idle"], "source that ends"),
        (["run", "--source", "replay"], "--file"),
        (["run", "--source", "replay", "--file", "no-such-file"], "no-such-file"),
        (["run", "--config", "no-such-folder", "--source", "replay", "--file", "posts.jsonl"], "brands.yaml"),
        (["worker", "console"], "HIKESHI_KAFKA__BOOTSTRAP_SERVERS"),
        (["worker", "steward"], "HIKESHI_KAFKA__BOOTSTRAP_SERVERS"),
        (["worker", "classifier", "--source", "sample"], "worker stream"),
        (["worker", "classifier"], "HIKESHI_KAFKA__BOOTSTRAP_SERVERS"),
        (["dead-letters", "retry"], "--all"),
        (["dead-letters", "list"], "hikeshi run"),
        (["posts", "list"], "hikeshi run"),
        (["classify", "no-such-file"], "no-such-file"),
        (["classify", "--brand", "acne"], "did you mean `acme`"),
        (["check", "--send", "nobody"], "console"),
        (["incidents", "ack", "1"], "--by"),
    ],
)
def test_usage_and_configuration(hikeshi: Place, arguments: list[str], said: str) -> None:
    assert_refused(hikeshi(*arguments), said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"HIKESHI_LANGAUGE": "ja"}, "did you mean `HIKESHI_LANGUAGE`"),
        ({"HIKESHI_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9"}, "PostgreSQL"),
        ({"HIKESHI_STORE__URL": "postgresql://127.0.0.1:9/x"}, "Kafka"),
        ({"HIKESHI_METRICS__HOST": "192.0.2.1"}, "HIKESHI_METRICS__HOST"),
        ({"HIKESHI_DATA": "posts.jsonl/data"}, "can't be written"),
    ],
)
def test_settings(hikeshi: Place, settings: dict[str, str], said: str) -> None:
    assert_refused(hikeshi(*REPLAY, **settings), said)


def test_check_says_2_where_run_would(hikeshi: Place) -> None:
    assert_refused(hikeshi("check", HIKESHI_SOURCE="replay", HIKESHI_REPLAY__FILE="no-such-file"), "no-such-file")
    assert_refused(hikeshi("check", HIKESHI_DATA="posts.jsonl/data"), "can't be written")
    routes = "receivers: [{name: desk, webhook: {url: 'http://127.0.0.1:9/'}}]\nroute: {receivers: [desk]}\n"
    (hikeshi.folder / "config" / "routes.yaml").write_text(routes)
    assert_refused(hikeshi("check"), "HIKESHI_X__BEARER_TOKEN", "--source sample", "127.0.0.1:9 can't be reached")


def test_a_worker_never_falls_back_to_the_sample(hikeshi: Place) -> None:
    settings = {"HIKESHI_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9", "HIKESHI_STORE__URL": "postgresql://127.0.0.1:9/x"}
    assert_refused(hikeshi("worker", "stream", **settings), "HIKESHI_X__BEARER_TOKEN", "--source sample")


def test_a_stack_is_shown_at_debug_alone(hikeshi: Place) -> None:
    arguments = ("run", "--source", "replay", "--file", "posts.jsonl", "--data", "posts.jsonl")
    assert "Traceback" not in hikeshi(*arguments).stderr
    assert "Traceback" in hikeshi(*arguments, "--log-level", "debug").stderr


def test_help_is_quick(hikeshi: Place) -> None:
    began = time.monotonic()
    done = hikeshi("--help")
    # Half a second on an idle machine; what the limit is for is an import of everything, which takes seconds.
    assert time.monotonic() - began < 1.5
    assert done.returncode == 0


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that does something."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands(cli)), ids=" ".join)
def test_every_command_teaches_by_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    assert f"hikeshi {' '.join(path)}" in shown.output  # the usage line says `cli`: this is an example


def test_classify_answers_each_line_in_its_place(hikeshi: Place) -> None:
    done = hikeshi("classify", given=POST + "not json\n" + '{"text": "充電器が燃えた。二度と買わない"}\n[]\n')
    assert done.returncode == 1
    first, second, third, fourth = done.stdout.splitlines()
    assert '"lang":"en"' in first
    assert '"line":2' in second
    assert '"lang":"ja"' in third
    assert '"line":4' in fourth
    assert hikeshi("classify", "posts.jsonl").returncode == 0
