"""kill -9 in every window of the pipeline, on both logs: nothing is lost, nothing doubled, nobody told twice over."""

from pathlib import Path

import pytest

from tests.chaos.campaign import run_killed
from tests.chaos.launcher import WINDOWS
from tests.support.kafka import KafkaBroker
from tests.support.postgres import Database
from tests.support.posts import COMPLAINTS, START, line, mixed
from tests.support.scene import BRANDS, TERMINAL, Scene, routes
from tests.support.sink import Sink
from tests.support.verdict import assert_same_outcome, assert_told_once

LINES = 10_000  # more than any run here gets to at its pace
MORE_LINES = 200  # the full run at the end reads so many that no killed one has seen


def disturb(scene: Scene, sink: Sink, folder: Path, *, kills_per_window: int) -> None:
    """The paced and killed run, the full one, and the judgement."""
    lines = list(mixed(LINES))
    undisturbed = Scene(folder / "undisturbed")
    scene.write("brands.yaml", BRANDS)
    scene.write("routes.yaml", routes(sink.url, secret="s"))
    undisturbed.write("brands.yaml", BRANDS)
    undisturbed.write("routes.yaml", TERMINAL)

    pending = iter(lines)
    kills = run_killed(scene, pending, kills_per_window)
    assert len(kills) == kills_per_window * len(WINDOWS)
    written = len(lines) - len(list(pending)) + MORE_LINES
    file = folder / "posts.jsonl"
    file.write_text("\n".join(lines[:written]) + "\n", encoding="utf-8")
    scene.replay(file, timeout_seconds=180)
    undisturbed.replay(file, timeout_seconds=180)
    incidents = assert_same_outcome(scene, undisturbed)
    assert_told_once(incidents, sink.delivered, repeats_allowed=len(kills))
    assert not sink.faults

    again = scene.replay(file)
    assert (again["mentions"], again["notifications"]["sent"]) == (0, 0), "a file given again adds nothing"
    with file.open("a", encoding="utf-8") as grown:
        grown.write(line(COMPLAINTS[0], START, 4095, author=77) + "\n")
    again = scene.replay(file)
    assert (again["matched"], again["mentions"], again["notifications"]["sent"]) == (1, 1, 1), (
        "a grown one its new lines"
    )


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_embedded(tmp_path: Path) -> None:
    with Sink(secret="s") as sink:
        disturb(Scene(tmp_path / "embedded"), sink, tmp_path, kills_per_window=5)


@pytest.mark.chaos
@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.timeout(600)
def test_kafka_and_postgres(tmp_path: Path, fresh_broker: KafkaBroker, postgres: Database) -> None:
    """With static membership: who comes back under the same name goes on without a wait for its old session."""
    settings = {
        "HIKESHI_KAFKA__BOOTSTRAP_SERVERS": fresh_broker.bootstrap_servers,
        "HIKESHI_KAFKA__INSTANCE": "chaos",
        "HIKESHI_STORE__URL": postgres.url,
    }
    with Sink(secret="s") as sink:
        disturb(Scene(tmp_path / "kafka", settings), sink, tmp_path, kills_per_window=3)
