"""What a person sees who has neither a token nor Docker: the sample crisis, one incident, on terminal and webhook."""

import time
from pathlib import Path

import pytest

from tests.support.scene import Scene
from tests.support.sink import Sink

ROUTES = """\
receivers:
  - name: terminal
    console: {}
  - name: desk
    webhook: {url: "%s", secret: "s"}
route:
  receivers: [terminal, desk]
  group_interval: 20s  # idle is when what came after the first notification is told as well; the default is 5m
"""


@pytest.mark.timeout(300)
def test_the_crisis_becomes_one_incident_that_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with Sink(secret="s") as sink:
        scene.write("routes.yaml", ROUTES % sink.url)
        began = time.time()
        done = scene.hikeshi("run", "--source", "sample", "--until-idle", "--json", timeout_seconds=240)
        assert done.returncode == 0, done.stderr[-3000:]
        assert not sink.faults
        fires = [request for request in sink.delivered if request.json["incident"]["scope"] == "burst"]
        assert fires[0].at - began < 60, "told while it happens"
        told = fires[0].json
        assert (told["reason"], told["sample"], told["incident"]["brand"]) == ("first", True, "sample")
        assert told["incident"]["author_count"] >= 20
        assert told["incident"]["reasons"]
        assert told["posts"]

        bursts = [row for row in scene.rows("incidents", "list") if row["scope"] == "burst"]
        assert len(bursts) == 1
        assert bursts[0]["severity"] in ("high", "critical")
        assert told["posts"][0]["text"] in done.stdout, "the terminal shows the posts"
        assert all(reason in done.stdout for reason in told["incident"]["reasons"])

        sent = len(sink.delivered)
        again = scene.hikeshi("run", "--source", "sample", "--until-idle", "--json", timeout_seconds=240)
        assert again.returncode == 0, again.stderr[-3000:]
        assert again.summary["mentions"] == 0, "a restart goes on and doubles nothing"
        assert len(sink.delivered) == sent
