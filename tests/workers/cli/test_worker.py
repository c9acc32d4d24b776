"""`hikeshi worker` on a real broker and PostgreSQL: waits for init, works, stops loudly, goes on after a retry."""

import asyncio
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import KafkaSettings
from schemas.topics import MENTIONS
from tests.support.kafka import KafkaBroker
from tests.support.ports import free_port
from tests.support.postgres import Database
from tests.support.posts import COMPLAINTS, line
from tests.support.process import Process
from tests.support.scene import BRANDS, Scene, routes
from tests.support.sink import Sink
from workers.log.contract import Outgoing
from workers.log.kafka import KafkaLog

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(240)]


@pytest.fixture
def scene(tmp_path: Path, fresh_broker: KafkaBroker, postgres: Database) -> Scene:
    scene = Scene(
        tmp_path,
        {"HIKESHI_KAFKA__BOOTSTRAP_SERVERS": fresh_broker.bootstrap_servers, "HIKESHI_STORE__URL": postgres.url},
    )
    scene.write("brands.yaml", BRANDS)
    return scene


def worker(scene: Scene, stage: str, *more: str) -> tuple[Process, int]:
    port = free_port()
    return scene.start("worker", stage, *more, settings={"HIKESHI_METRICS__PORT": str(port)}), port


def ask(port: int, path: str) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError:
        return 0, {}


def acknowledge(link: str, name: str) -> None:
    """Open the incident's page and tap."""
    with urllib.request.urlopen(link, timeout=5) as page:  # noqa: S310  our own console
        found = re.search(r'name="token" value="([0-9a-f]+)"', page.read().decode())
    assert found is not None
    fields = urllib.parse.urlencode({"token": found[1], "name": name, "act": "acknowledge"}).encode()
    with urllib.request.urlopen(link, fields, timeout=5) as answer:  # noqa: S310
        assert answer.status == 200


def until(holds: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(0.2)


def test_workers_wait_for_init_then_bring_a_post_to_its_receiver(scene: Scene) -> None:
    (scene.folder / "posts.jsonl").write_text(line(COMPLAINTS[0]) + "\n")
    console_port = free_port()
    scene.settings["HIKESHI_CONSOLE__PORT"] = str(console_port)
    scene.settings["HIKESHI_CONSOLE__PUBLIC_URL"] = f"http://127.0.0.1:{console_port}"
    with Sink() as sink:
        scene.write("routes.yaml", routes(sink.url))
        stream, stream_port = worker(scene, "stream", "--source", "replay", "--file", "posts.jsonl")
        classifier, classifier_port = worker(scene, "classifier")
        dispatcher, dispatcher_port = worker(scene, "dispatcher")
        steward, steward_port = worker(scene, "steward")
        console, console_metrics_port = worker(scene, "console")
        ports = (stream_port, classifier_port, dispatcher_port, steward_port, console_metrics_port)
        with stream, classifier, dispatcher, steward, console:
            for port in ports:
                until(lambda port=port: ask(port, "/readyz")[0] == 503, "not ready")  # type: ignore[misc]
                assert ask(port, "/healthz")[0] == 200
                (stage,) = ask(port, "/readyz")[1]["stages"].values()
                assert "hikeshi init" in stage["reasons"][0]
            assert scene.hikeshi("init").returncode == 0
            assert "topics and store are ready" in scene.hikeshi("init").stdout  # idempotent
            for port in ports:
                until(lambda port=port: ask(port, "/readyz")[0] == 200, "ready")  # type: ignore[misc]
            sink.wait_for(1, 60)
            until(lambda: scene.hikeshi("status").returncode == 0, "status says that all is well")
            assert len(scene.posts()) == 1
            acknowledge(sink.delivered[0].json["links"]["acknowledge"], "mika")
            (incident,) = scene.rows("incidents", "list")
            assert incident["status"] == "acknowledged"
            for process in (stream, classifier, dispatcher, steward, console):
                assert process.terminate() == 0, process.stderr
        assert not sink.faults


def test_a_stopped_worker_stays_up_until_the_letters_are_dropped(scene: Scene) -> None:
    assert scene.hikeshi("init").returncode == 0
    asyncio.run(produce_poison(scene, 55))
    classifier, port = worker(scene, "classifier")
    with classifier:
        until(lambda: "stopped" in str(ask(port, "/readyz")[1]), "stopped")
        assert ask(port, "/healthz")[0] == 200
        assert len(scene.rows("dead-letters", "list")) == 50
        assert classifier.terminate() == 0
    classifier, port = worker(scene, "classifier")
    with classifier:  # the stop is kept over a restart
        until(lambda: "stopped" in str(ask(port, "/readyz")[1]), "stopped again")
        assert len(scene.rows("dead-letters", "list")) == 50
        assert scene.hikeshi("dead-letters", "drop", "--all").returncode == 0
        until(lambda: ask(port, "/readyz")[0] == 200, "ready")
        until(lambda: len(scene.rows("dead-letters", "list")) == 5, "the rest")
        assert classifier.terminate() == 0


def test_a_worker_whose_broker_and_database_are_away_waits_and_ends_properly(tmp_path: Path) -> None:
    away = {"HIKESHI_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9", "HIKESHI_STORE__URL": "postgresql://127.0.0.1:9/x"}
    scene = Scene(tmp_path, away)
    scene.write("brands.yaml", BRANDS)
    dispatcher, port = worker(scene, "dispatcher")
    with dispatcher:
        until(lambda: ask(port, "/readyz")[0] == 503, "not ready")
        assert ask(port, "/healthz")[0] == 200
        time.sleep(5)
        assert dispatcher.terminate() == 0, dispatcher.stderr
    noise = [text for text in dispatcher.stderr.splitlines() if "aiokafka" in text]
    assert len(noise) <= 12, "a library that complains each 100 ms is cut"


async def produce_poison(scene: Scene, count: int) -> None:
    log = KafkaLog(KafkaSettings(bootstrap_servers=scene.settings["HIKESHI_KAFKA__BOOTSTRAP_SERVERS"]))
    try:
        await log.produce(MENTIONS, [Outgoing(0, b"acme/%d" % number, b"{poison") for number in range(count)])
    finally:
        await log.close()
