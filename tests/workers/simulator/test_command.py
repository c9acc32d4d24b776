"""`hikeshi x-simulator` as a person starts it."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.workers.simulator.rig import fetch

COMMAND = [sys.executable, "-m", "workers.cli.main", "x-simulator"]


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command, with the variables that it told to set."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            told: dict[str, str] = {}
            for line in process.stdout:
                if found := re.search(r"export (\w+)=(\S+)", line):
                    told[found[1]] = found[2]
                if "Ctrl-C" in line:
                    break
            yield process, told
        finally:
            process.kill()


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_what_to_set_serves_and_ends_when_asked(asked: signal.Signals) -> None:
    with running("--pace", "0", "--no-stream") as (process, told):
        assert set(told) == {"HIKESHI_X__BASE_URL", "HIKESHI_X__BEARER_TOKEN"}
        assert told["HIKESHI_X__BASE_URL"].startswith("http://127.0.0.1:")
        headers = {"Authorization": f"Bearer {told['HIKESHI_X__BEARER_TOKEN']}"}
        base = told["HIKESHI_X__BASE_URL"]
        assert fetch(base, "/2/usage/tweets", headers).status == 200
        assert fetch(base, "/2/tweets/search/stream", headers).status == 403
        process.send_signal(asked)
        assert process.wait(10) == 0
        assert process.stderr
        assert process.stderr.read().splitlines() == ["GET usage 200", "GET stream 403"]


def test_a_port_in_use_is_something_to_mend() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [*COMMAND, "--port", str(taken.getsockname()[1])], capture_output=True, text=True, timeout=20
        )
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_help_teaches() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0
    for word in ("HIKESHI_X__BASE_URL", "/_control", "--speed", "hikeshi run"):
        assert word in done.stdout
