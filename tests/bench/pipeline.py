"""The whole pipeline: line in, stored, webhook out. `python -m tests.bench.pipeline [kafka|embedded] [--shipped]`."""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from schemas.mention import SNOWFLAKE_EPOCH_MS, SNOWFLAKE_TIME_SHIFT
from tests.bench.pipeline_launcher import COMPLAINS
from tests.support.kafka import KafkaBroker
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.process import PROGRAM, Process
from tests.support.sink import Sink

POSTS = 300_000
WARM_UP = 1 / 3  # of the posts: Java compiles, processes start, before anything is measured
ROOTS = 5_000
COMPLAINTS = 0.10
PACE = 250  # posts a second: X's limit of one account
PACED_SECONDS = 40
PACED_WARM_UP_SECONDS = 5

BRANDS = "brands:\n  - {name: アクメ, id: acme, keywords: [Acme, アクメ], burst: false}\n"
ROUTES = """\
receivers:
  - name: desk
    webhook: {{url: "{url}"}}
route: {{receivers: [desk], group_wait: {wait}}}
"""

Command = list[str | Path]


def line(number: int, root: int | None, now: datetime, *, complains: bool) -> str:
    """A stream line of about 900 bytes, as X sends it, half of them Japanese."""
    milliseconds = int(now.timestamp() * 1000)
    post_id = str((milliseconds - SNOWFLAKE_EPOCH_MS << SNOWFLAKE_TIME_SHIFT) + number)
    said = f"アクメの充電器がまた{COMPLAINS}、{number}回目。サポートにも繋がらない" if complains else (
        f"Saw the new Acme charger in the shop today, number {number}, it looks like the old one to me"
    )  # fmt: skip
    user = str(10_000 + number % 50_000)
    post = {
        "data": {
            "id": post_id, "text": said, "author_id": user, "lang": "ja" if complains else "en",
            "created_at": now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "conversation_id": str(9_000_000 + root) if root is not None else post_id,
            "edit_history_tweet_ids": [post_id],
            "public_metrics": {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0},
        },
        "includes": {"users": [{
            "id": user, "username": f"user{user}", "name": "誰か", "created_at": "2015-01-01T00:00:00.000Z",
            "verified": False, "verified_type": "none",
            "public_metrics": {"followers_count": 120, "following_count": 80, "tweet_count": 900, "listed_count": 1},
        }]},
        "matching_rules": [{"id": "1", "tag": "acme"}],
    }  # fmt: skip
    return json.dumps(post, ensure_ascii=False)


def write_posts(path: Path, count: int) -> None:
    """10 % complaints over 5,000 roots."""
    chance, now = random.Random(7), datetime.now(UTC) - timedelta(minutes=10)
    with path.open("w") as out:
        for number in range(count):
            complains = chance.random() < COMPLAINTS
            root = chance.randrange(ROOTS) if complains else None
            out.write(line(number, root, now + timedelta(milliseconds=number * 4), complains=complains) + "\n")


class Pipeline:
    """A folder, its servers and the processes of the program on them."""

    def __init__(self, kind: str, shipped: bool, sink: Sink, wait: str, stack: ExitStack) -> None:
        self.kind, self.sink = kind, sink
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hikeshi-bench-")))
        (self.folder / "config").mkdir()
        (self.folder / "config" / "brands.yaml").write_text(BRANDS)
        (self.folder / "config" / "routes.yaml").write_text(ROUTES.format(url=sink.url, wait=wait))
        self.settings = {"HIKESHI_LOG__LEVEL": "warning"}
        launcher = Path(__file__).with_name("pipeline_launcher.py")
        self._command: Command = [PROGRAM] if shipped else [sys.executable, launcher]
        self._stack = stack
        self.processes: dict[str, Process] = {}
        self.pids: dict[str, int] = {}
        self.ports: dict[str, int] = {}
        if kind == "kafka":
            broker, server = KafkaBroker(), PostgresServer.create()
            stack.callback(broker.remove)
            stack.callback(server.remove)
            broker.start()
            self.pids |= {"broker": broker.pid, "database": server.pid}
            self.settings |= {
                "HIKESHI_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
                "HIKESHI_STORE__URL": server.create_database().url,
            }
            self._start("init", "init").wait(60)
            for stage in ("classifier", "dispatcher"):
                self._start(stage, "worker", stage)
            for stage in ("classifier", "dispatcher"):
                self.wait_ready(stage)

    def _start(self, name: str, *arguments: str, stdin: int | bytes = subprocess.DEVNULL) -> Process:
        port = free_port()
        process = Process(
            arguments, folder=self.folder, command=self._command, name=name, stdin=stdin,
            settings=self.settings | {"HIKESHI_METRICS__PORT": str(port), "HIKESHI_CONSOLE__PORT": "0"},
        )  # fmt: skip
        self.ports[name] = port
        self._stack.callback(process.kill)
        self.processes[name] = process
        self.pids[name] = process.pid
        return process

    def wait_ready(self, name: str) -> None:
        """Until that process has all that it needs."""
        while self.get(name, "/readyz") is None:
            time.sleep(0.1)

    def source(self, file: str, *, stdin: int | bytes = subprocess.DEVNULL) -> Process:
        """Start what reads the posts."""
        if self.kind == "kafka":
            return self._start("stream", "worker", "stream", "--source", "replay", "--file", file, stdin=stdin)
        return self._start("run", "run", "--source", "replay", "--file", file, stdin=stdin)

    def stored(self) -> int:
        """Marks stored, by the dispatcher's own count."""
        for name, other in self.processes.items():
            if other.returncode:
                raise RuntimeError(f"{name} has ended with {other.returncode}: {other.stderr[-2000:]}")
        metrics = self.get("dispatcher" if "dispatcher" in self.processes else "run", "/metrics") or ""
        found = [row for row in metrics.splitlines() if row.startswith("hikeshi_marks_stored_total ")]
        return int(float(found[0].split()[1])) if found else 0

    def get(self, name: str, path: str) -> str | None:
        """What a process answers; None while it answers nothing, or that it is not ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each process so far, the servers' too."""
        return {name: cpu_seconds(pid) for name, pid in self.pids.items() if Path(f"/proc/{pid}").exists()}

    def memory(self) -> dict[str, float]:
        """The most memory that each process has held, in MB."""
        return {name: peak_mb(process.pid) for name, process in self.processes.items() if process.returncode is None}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of the children that it has or had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total = sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return total + sum(cpu_seconds(int(child)) for child in children)


def peak_mb(pid: int) -> float:
    """VmHWM, from the kernel."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(row for row in status.splitlines() if row.startswith("VmHWM")).split()[1]) / 1024


def throughput(kind: str, *, shipped: bool, posts: int = POSTS) -> dict[str, Any]:
    """Posts a second from the file to the store, and the webhooks that came of it."""
    with ExitStack() as stack, Sink() as sink:
        pipeline = Pipeline(kind, shipped, sink, "1s", stack)
        file = pipeline.folder / "posts.jsonl"
        write_posts(file, posts)
        pipeline.source(str(file))
        while pipeline.stored() < posts * WARM_UP:
            time.sleep(0.1)
        before, begun, first = pipeline.cpu(), time.perf_counter(), pipeline.stored()
        while pipeline.stored() < posts:
            time.sleep(0.25)
        seconds, counted = time.perf_counter() - begun, posts - first
        return {
            "rate": round(counted / seconds),
            "cpu": {n: round((s - before.get(n, 0)) / counted * 1e6) for n, s in pipeline.cpu().items()},
            "webhooks": len(sink.delivered),
            "memory": {name: round(mb) for name, mb in pipeline.memory().items()},
        }


def latency(kind: str, *, shipped: bool) -> dict[str, Any]:
    """Line in to webhook out at X's pace: every tenth post opens an incident, which goes out at once."""
    with ExitStack() as stack, Sink() as sink:
        pipeline = Pipeline(kind, shipped, sink, "0s", stack)
        written: dict[str, float] = {}
        process = pipeline.source("-", stdin=subprocess.PIPE)
        pipeline.wait_ready("stream" if kind == "kafka" else "run")
        feeder = threading.Thread(target=_feed, args=(process, written))
        feeder.start()
        feeder.join()
        time.sleep(3)
        arrived = {p["id"]: r.at for r in sink.delivered for p in r.json["posts"]}
        late = sorted((arrived[i] - at) * 1000 for i, at in written.items() if i in arrived)
        at = statistics.quantiles(late, n=100)
        return {
            "sent": len(written), "arrived": len(late), "p50": round(at[49], 1), "p95": round(at[94], 1),
            "p99": round(at[98], 1), "max": round(late[-1], 1),
        }  # fmt: skip


def _feed(process: Process, written: dict[str, float]) -> None:
    begun = time.perf_counter()
    for number in range(PACE * (PACED_SECONDS + PACED_WARM_UP_SECONDS)):
        time.sleep(max(0.0, begun + number / PACE - time.perf_counter()))
        complains = number % 10 == 0
        text = line(number, None, datetime.now(UTC), complains=complains)
        at = time.time()
        process.feed(text)
        if complains and number > PACE * PACED_WARM_UP_SECONDS:
            written[json.loads(text)["data"]["id"]] = at


def measure(kind: str, *, shipped: bool = False) -> str:
    """Throughput and latency of a whole pipeline, as Markdown."""
    fast = throughput(kind, shipped=shipped, posts=posts_of(shipped))
    late = latency(kind, shipped=shipped)
    lines = [
        f"| whole pipeline on {kind}, {'shipped' if shipped else 'one-word'} classifier | |",
        "|---|---|",
        f"| posts/s, line to store ({posts_of(shipped):,}, a third to warm up; 10 % complaints) | {fast['rate']:,} |",
        f"| webhooks delivered meanwhile | {fast['webhooks']:,} |",
        f"| CPU, µs a post | {_listed(fast['cpu'])} |",
        f"| most memory, MB | {_listed(fast['memory'])} |",
        f"| line in to webhook out at {PACE} posts/s, ms | p50 {late['p50']}, p95 {late['p95']}, p99 {late['p99']}, "
        f"max {late['max']} ({late['arrived']:,} of {late['sent']:,} arrived) |",
    ]
    return "\n".join(lines)


def posts_of(shipped: bool) -> int:
    """How many posts are measured: the shipped classifier needs longer for each."""
    return POSTS // 6 if shipped else POSTS


def _listed(values: dict[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def main(arguments: list[str]) -> None:
    kinds = [kind for kind in ("kafka", "embedded") if kind in arguments] or ["kafka", "embedded"]
    for kind in kinds:
        print(measure(kind, shipped="--shipped" in arguments), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
