"""The compose file of this checkout, brought up as a project of its own beside whatever else runs."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.scene import roots

ROOT = Path(__file__).parent.parent.parent
FILES = ("docker-compose.yml", "tests/compose/override.yaml")
REPLAY = "tests/compose/replay.yaml"
UP_SECONDS = 300  # the image is built within it


class Project:
    """One compose project; `down()` at the end deletes its volumes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, f"hikeshi-test-{os.getpid()}"
        self.files = [*FILES]
        self.settings: dict[str, str] = {"TEST_FOLDER": str(folder)}

    def compose(self, *arguments: str, timeout_seconds: float = 120) -> str:
        """Run one compose command; its standard output."""
        files = [part for file in self.files for part in ("-f", str(ROOT / file))]
        done = subprocess.run(
            ["docker", "compose", "-p", self.name, "--project-directory", str(ROOT), *files, *arguments],
            env=os.environ | self.settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"docker compose {' '.join(arguments)}: {done.stderr[-2000:]}\n{self.logs()}")
        return done.stdout

    def logs(self) -> str:
        """The end of what each container said."""
        command = ["docker", "compose", "-p", self.name, "logs", "--tail", "30", "--no-color"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout[-8000:]

    def up(self, *arguments: str) -> None:
        """Start what is not running; returns when every health check holds."""
        self.compose(
            "up", "-d", "--wait", "--wait-timeout", str(UP_SECONDS), *arguments, timeout_seconds=UP_SECONDS + 60
        )

    def down(self, *arguments: str) -> None:
        """Stop everything; with `-v` its volumes go too."""
        self.compose("down", *arguments)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """The JSON lines of a list command, run beside the dispatcher."""
        told = self.compose("exec", "-T", "dispatcher", "hikeshi", *arguments, "--json")
        return [json.loads(line) for line in told.splitlines() if line.startswith("{")]

    def posts(self, brand: str) -> list[str]:
        """The ids of a brand's posts, as often as they are listed."""
        return [post["id"] for post in self.rows("posts", "list") if post["brand"] == brand]

    def roots(self, brand: str) -> dict[str, list[str]]:
        """Key -> post ids of a brand's root incidents."""
        listed = [row["id"] for row in self.rows("incidents", "list", "--all") if row["brand"] == brand]
        return roots(self.rows("incidents", "show", *listed)) if listed else {}

    def members(self, stage: str) -> int:
        """How many members the stage's consumer group has now."""
        groups = ("/opt/kafka/bin/kafka-consumer-groups.sh", "--bootstrap-server", "localhost:9092", "--describe")
        told = self.compose("exec", "-T", "kafka", *groups, "--all-groups", "--members")
        return sum(stage in line.split(maxsplit=1)[0] for line in told.splitlines() if line.strip())

    def until(self, holds: Callable[[], bool], within_seconds: float, what: str) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + within_seconds
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} within {within_seconds} s:\n{self.logs()}")
            time.sleep(2)
