"""`hikeshi run` and the daily tools beside it, as a person uses them, on the embedded log."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.posts import COMPLAINTS, NEUTRAL, line
from tests.support.process import Process
from tests.support.scene import BRANDS, Scene, routes
from tests.support.sink import Answer, Sink


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.write("brands.yaml", BRANDS)
    return scene


@pytest.fixture
def running(scene: Scene) -> Iterator[Process]:
    """A run that follows its standard input and prints to the terminal."""
    scene.write("routes.yaml", "receivers:\n  - name: terminal\n    console: {}\nroute:\n  receivers: [terminal]\n"
                "  group_wait: 0s\n")  # fmt: skip
    with scene.start("run", "--source", "replay", "--file", "-", "--json", stdin=subprocess.PIPE) as process:
        process.wait_for_log("seen_rebuilt", 60)
        yield process


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def ready(process: Process) -> tuple[int, dict[str, Any]]:
    """What /readyz says."""
    started = next(x for x in process.stderr.splitlines() if "service_started" in x)
    port = next(word for word in started.split() if word.startswith("port=")).removeprefix("port=")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_properly_and_the_summary_is_printed(running: Process, number: signal.Signals) -> None:
    running.feed(line(COMPLAINTS[0]))
    until(lambda: "notification_sent" in running.stderr)
    running.signal(number)
    assert running.wait(30) == 0, running.stderr
    assert running.summary["matched"] == 1
    assert running.summary["notifications"] == {"sent": 1, "failed": 0, "pending": 0}
    assert "[NEW]" in running.stdout


def test_the_daily_tools_work_beside_a_run(scene: Scene, running: Process) -> None:
    running.feed(line(COMPLAINTS[0]))
    running.feed(line(NEUTRAL[0], sequence=1, author=2))
    running.feed("not JSON at all")
    until(lambda: "notification_sent" in running.stderr and "dead_letter_put" in running.stderr)
    until(lambda: ready(running)[0] == 200)

    posts = {row["kind"]: row for row in scene.posts()}
    assert len(posts) == 2
    (incident,) = scene.incidents()
    assert posts["complaint"]["incident"] == incident["id"]
    assert posts["neutral"]["incident"] is None
    assert posts["neutral"]["reason"]

    status = scene.hikeshi("status", "--json")
    assert status.returncode == 0, status.stdout
    assert json.loads(status.stdout)["dead_letters"] == 1

    assert scene.hikeshi("incidents", "ack", incident["id"], "--by", "yuki", "--reason", "見ます").returncode == 0
    (taken,) = scene.rows("incidents", "list")
    assert taken["status"] == "acknowledged"
    assert taken["acknowledged_until"] > taken["opened_at"]
    assert scene.hikeshi("incidents", "resolve", incident["id"], "--by", "yuki").returncode == 0
    assert scene.rows("incidents", "list") == []
    assert scene.hikeshi("incidents", "ack", incident["id"], "--by", "yuki").returncode == 2
    until(lambda: "[RESOLVED]" in running.stdout)
    actors = [event["actor"] for event in scene.incidents()[0]["timeline"]]
    assert actors.count("yuki") == 2

    (letter,) = scene.rows("dead-letters", "list")
    assert (letter["stage"], letter["where"]["line"]) == ("stream", 3)
    shown = scene.hikeshi("dead-letters", "show", letter["id"], "--payload")
    assert shown.stdout == "not JSON at all\n"
    assert scene.hikeshi("dead-letters", "retry", letter["id"]).returncode == 1  # a line has no record
    assert scene.hikeshi("dead-letters", "drop", letter["id"]).returncode == 0
    assert scene.rows("dead-letters", "list") == []
    assert scene.hikeshi("dead-letters", "drop", letter["id"]).returncode == 2
    assert running.terminate() == 0

    stopped = scene.hikeshi("status", "--json")
    assert stopped.returncode in (0, 1)  # its last word is a few seconds old


def test_a_purged_post_is_gone_from_every_list_and_file_and_stays_away(scene: Scene, running: Process) -> None:
    secret = "ひみつの充電器"
    doomed = line(f"{COMPLAINTS[1]} {secret}")
    running.feed(doomed)
    running.feed(f'{{"id": "1", "{secret}')
    until(lambda: "notification_sent" in running.stderr and "dead_letter_put" in running.stderr)
    (post,) = scene.posts()
    assert scene.hikeshi("purge", post["id"], "1").returncode == 0
    assert scene.posts() == []
    assert scene.rows("dead-letters", "list") == []
    until(lambda: not any(secret.encode() in file.read_bytes() for file in scene.data.iterdir()), 60)
    running.feed(doomed)
    running.feed(line(COMPLAINTS[0], sequence=1))
    until(lambda: len(scene.posts()) == 1)
    assert scene.posts()[0]["id"] != post["id"]


def test_a_changed_file_is_in_force_soon_and_a_broken_one_is_refused(scene: Scene, running: Process) -> None:
    scene.write("brands.yaml", BRANDS.replace("keywords: [Acme", "keywords: [Zeppelin, Acme"))
    until(lambda: "configuration_changed" in running.stderr, 10)
    running.feed(line("My Zeppelin never arrived, I want a refund"))
    until(lambda: "notification_sent" in running.stderr)
    scene.write("brands.yaml", "")
    until(lambda: "configuration_refused" in running.stderr, 10)
    running.feed(line(COMPLAINTS[0], sequence=1))
    until(lambda: len(scene.posts()) == 2)


def test_a_receiver_that_keeps_failing_ends_with_1_and_is_counted_as_pending(scene: Scene) -> None:
    (scene.folder / "posts.jsonl").write_text(line(COMPLAINTS[0]) + "\n")
    with Sink(always=Answer(503)) as sink:
        scene.write("routes.yaml", routes(sink.url))
        summary = scene.replay(scene.folder / "posts.jsonl", "--idle-timeout", "3s", status=1)
    assert summary["notifications"] == {"sent": 0, "failed": 0, "pending": 1}


def test_topics_made_anew_are_refused_until_the_offsets_are_reset_and_then_nothing_comes_twice(scene: Scene) -> None:
    scene.write("routes.yaml", "receivers:\n  - name: terminal\n    console: {}\nroute:\n  receivers: [terminal]\n"
                "  group_wait: 0s\n")  # fmt: skip
    file = scene.folder / "posts.jsonl"
    file.write_text("".join(line(text, sequence=n) + "\n" for n, text in enumerate(COMPLAINTS)))
    scene.replay(file)
    before = scene.incidents()
    for part in scene.data.glob("log.db*"):
        part.unlink()
    (scene.folder / "one.jsonl").write_text(line(COMPLAINTS[0]) + "\n")
    refused = scene.hikeshi("run", "--source", "replay", "--file", "one.jsonl", "--until-idle")
    assert refused.returncode == 2
    assert "topics create --reset-offsets" in refused.stderr
    assert scene.hikeshi("topics", "create", "--reset-offsets").returncode == 0
    summary = scene.replay(file)
    assert summary["notifications"]["sent"] == 0
    assert [row["post_count"] for row in scene.incidents()] == [row["post_count"] for row in before]
    topics = {row["topic"]: row["records"] for row in scene.rows("topics", "list")}
    assert topics["hikeshi.mentions.v1"] == topics["hikeshi.marks.v1"] == len(COMPLAINTS)


def test_check_reaches_receivers_and_sends_on_request(scene: Scene) -> None:
    with Sink(secret="s") as sink:
        scene.write("routes.yaml", routes(sink.url, secret="s"))
        checked = scene.hikeshi("check", "--log-level", "error", settings={"HIKESHI_SOURCE": "sample"})
        assert checked.returncode == 0, checked.stderr
        assert sink.delivered == []
        assert scene.hikeshi("check", "--send", "desk").returncode == 0
        (sent,) = sink.delivered
        assert sent.json["sample"] is True
        assert not sink.faults
    gone = scene.hikeshi("check", settings={"HIKESHI_SOURCE": "sample"})
    assert gone.returncode == 1
    assert "receiver desk" in gone.stderr
