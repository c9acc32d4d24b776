"""One file and configuration, over the embedded log and over Kafka with PostgreSQL: the same incidents, told alike."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.kafka import KafkaBroker
from tests.support.postgres import Database
from tests.support.posts import START, mixed, wave
from tests.support.scene import BRANDS, Scene, routes
from tests.support.sink import Sink
from tests.support.verdict import assert_same_outcome, assert_told_once


@pytest.fixture
def lines() -> list[str]:
    """Conversations, then a wave of 25 people: a burst."""
    return [*mixed(1500, every=timedelta(minutes=2)), *wave(25, START + timedelta(days=3))]


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.timeout(400)
def test_same_incidents_and_posts_told(
    lines: list[str], tmp_path: Path, fresh_broker: KafkaBroker, postgres: Database
) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    kafka = {"HIKESHI_KAFKA__BOOTSTRAP_SERVERS": fresh_broker.bootstrap_servers, "HIKESHI_STORE__URL": postgres.url}
    scenes = [Scene(tmp_path / "embedded"), Scene(tmp_path / "kafka", kafka)]
    summaries = []
    for scene in scenes:
        with Sink(secret="s") as sink:
            scene.write("brands.yaml", BRANDS)
            scene.write("routes.yaml", routes(sink.url, secret="s"))
            summaries.append(scene.replay(file) | {"seconds": 0})
            assert_told_once(scene.incidents(), sink.delivered, repeats_allowed=0)
            assert not sink.faults
            again = scene.replay(file)
            assert (again["mentions"], again["notifications"]["sent"]) == (0, 0)
            assert (
                again["duplicates"]
                == summaries[-1]["matched"] + summaries[-1]["duplicates"] + summaries[-1]["revisions"]
            )
    incidents = assert_same_outcome(*scenes)
    assert any(row["scope"] == "burst" for row in incidents)
    assert any(row["status"] == "merged" for row in incidents)
    for counted in ("notifications", "seconds"):  # how sends are bundled depends on time
        for summary in summaries:
            del summary[counted]
    assert summaries[0] == summaries[1]
    assert summaries[0]["dead_letters"] == summaries[0]["bad"]  # each has a line number of its own
