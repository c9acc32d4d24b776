"""What a marked test needs of the machine, and in words what is missing; asked once a run."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache

from tests.support.postgres import server_binaries


def _kafka() -> str | None:
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    return f"no real Kafka broker can be started: {' and '.join(missing)} not on PATH" if missing else None


def _postgres() -> str | None:
    if server_binaries() is None:
        return "no PostgreSQL server: initdb is neither on PATH nor under /usr/lib/postgresql (package postgresql)"
    return None


def _docker() -> str | None:
    if shutil.which("docker") is None:
        return "no docker on PATH"
    if subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False).returncode != 0:
        return "no Docker engine answers"
    said = subprocess.run(
        ["docker", "compose", "version", "--format", "json"], capture_output=True, timeout=30, check=False
    )
    if said.returncode != 0 or not json.loads(said.stdout)["version"].lstrip("v").startswith(("2.", "3.", "5.")):
        return "no Docker Compose v2 or newer"
    return None


def _browser() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return None if any(map(shutil.which, names)) else "no Chromium on PATH"


NEEDS: dict[str, Callable[[], str | None]] = {
    "kafka": cache(_kafka),
    "postgres": cache(_postgres),
    "docker": cache(_docker),
    "browser": cache(_browser),
}


def required() -> tuple[str, ...]:
    """The needs that must be there in this run (`TEST_REQUIRE="kafka postgres"`): then a skip is a failure."""
    return tuple(os.environ.get("TEST_REQUIRE", "").split())
