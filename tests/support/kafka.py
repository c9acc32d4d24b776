"""A real Apache Kafka broker for the tests: one KRaft node from its published jars, on the loopback, killed at will."""

import fcntl
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

from tests.support.ports import free_port

VERSION = "4.2.0"
ROOT = Path(__file__).parent.parent.parent
HOME = ROOT / ".cache" / f"kafka-{VERSION}"
POM = Path(__file__).with_name("kafka-pom.xml")
COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies"
DOWNLOAD_SECONDS = 600
START_SECONDS = 60
STOP_SECONDS = 30
CLUSTER_ID = "aGlrZXNoaS10ZXN0cy0xMA"  # 16 bytes in base64, as Kafka wants it

LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration>
  <Appenders><Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""


def jars() -> Path:
    """The folder of the broker's jars, fetched once a checkout with Maven."""
    libs, done = HOME / "libs", HOME / "complete"
    if done.exists():
        return libs
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs on one checkout
        if not done.exists():
            command = ["mvn", "-q", "-B", "-f", str(POM), COPY_GOAL, "-DincludeScope=runtime"]
            subprocess.run([*command, f"-DoutputDirectory={libs}"], check=True, timeout=DOWNLOAD_SECONDS)
            done.touch()
    return libs


class KafkaBroker:
    """One broker. `start` after `stop` or `kill` brings the same data back on the same port."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hikeshi-kafka-"))
        self.port, self._controller_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._classpath = f"{jars()}/*"
        (self.folder / "log4j2.xml").write_text(LOGGING)
        (self.folder / "server.properties").write_text(self._properties())
        arguments = ["format", "-t", CLUSTER_ID, "-c", self.folder / "server.properties"]
        command = self._java("128m", "kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"Kafka's storage could not be formatted: {done.stdout}{done.stderr}")

    @property
    def bootstrap_servers(self) -> str:
        """As the settings want it."""
        return f"127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """Where its partitions lie, one folder each."""
        return self.folder / "data"

    def _properties(self) -> str:
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.data,
            # A broker that was killed waits for its old session before it serves again: 9 s by default.
            "broker.session.timeout.ms": 1000,
            "broker.heartbeat.interval.ms": 300,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 500,
            "log.retention.check.interval.ms": 500,
            "log.initial.task.delay.ms": 500,
            # Left on, as on most clusters: a worker that waits for `init` must not make topics by asking for them.
            "auto.create.topics.enable": "true",
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _java(self, heap: str, main: str, *arguments: str | Path) -> list[str]:
        options = [f"-Xmx{heap}", f"-Xms{heap}", "-XX:TieredStopAtLevel=1" if heap == "128m" else "-XX:+UseG1GC"]
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}"
        return ["java", *options, logging, "-cp", self._classpath, main, *map(str, arguments)]

    def log(self) -> str:
        """What the broker wrote so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def launch(self) -> None:
        """Start it, unless it runs, without waiting until it answers."""
        if self._process and self._process.poll() is None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._java("512m", "kafka.Kafka", self.folder / "server.properties"),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the test run is not for the broker: `remove` ends it
            )
        # Should the run itself be killed, its end of the pipe closes, and this shell ends the broker.
        guard = f"read line; kill -9 {self._process.pid}"
        self._guard = subprocess.Popen(["sh", "-c", guard], stdin=subprocess.PIPE, start_new_session=True)

    @property
    def pid(self) -> int:
        """The server's process."""
        if self._process is None:
            raise RuntimeError("the server was never started")
        return self._process.pid

    def start(self) -> None:
        """Start it, unless it runs; returns when it serves."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self._serves():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not start:\n{self.log()[-3000:]}")
            time.sleep(0.05)

    def _serves(self) -> bool:
        """Whether it answers a request (ApiVersions, version 0): the port alone is open before that."""
        request = bytes([0, 18, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF])
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(len(request).to_bytes(4, "big") + request)
                return len(connection.recv(8)) == 8
        except OSError:
            return False

    def stop(self) -> None:
        """Stop it in order; returns when it has gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9, as a power cut of the broker."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
            self._guard = None
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def fresh_name(self, what: str) -> str:
        """A topic's or group's name that no other test uses."""
        return f"{what}-{next(self._numbers)}"

    def remove(self) -> None:
        """End it and delete its data."""
        self.kill()  # its data goes anyway
        shutil.rmtree(self.folder, ignore_errors=True)
