"""A real PostgreSQL server for the tests: its own cluster on the loopback, stopped, killed and started at will."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.support.ports import free_port

USER = "hikeshi"
START_SECONDS = 30
STOP_SECONDS = 30


@cache
def server_binaries() -> Path | None:
    """The folder of the newest PostgreSQL server on this machine: Debian's places first, then PATH."""

    def version(folder: Path) -> int:
        name = folder.parent.name
        return int(name) if name.isdigit() else 0

    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=version)
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def _user() -> pwd.struct_passwd | None:
    """Whom the server runs as: itself refuses root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL refuses to run as root, and this machine has no other user")


class PostgresServer:
    """One cluster. `start` after `stop` or `kill` brings the same data back on the same port."""

    def __init__(self, folder: Path, binaries: Path, user: pwd.struct_passwd | None) -> None:
        self.folder, self.binaries, self.port = folder, binaries, free_port()
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)

    @classmethod
    def create(cls) -> "PostgresServer":
        """Make a cluster in a new temporary folder and start it."""
        binaries, user = server_binaries(), _user()
        if binaries is None:
            raise RuntimeError("no PostgreSQL server on this machine")
        folder = Path(tempfile.mkdtemp(prefix="hikeshi-postgres-"))
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        server = cls(folder, binaries, user)
        options = ["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"]
        server._run("initdb", "--pgdata", str(folder / "data"), *options)
        server.start()
        return server

    def _as_user(self) -> dict[str, int | list[int]]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _run(self, tool: str, *arguments: str) -> str:
        done = subprocess.run(
            [self.binaries / tool, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **self._as_user(),  # type: ignore[call-overload]  # user, group and extra_groups are given together
        )
        if done.returncode != 0:
            raise RuntimeError(f"{tool} failed: {done.stderr or done.stdout}\n{self.log()[-2000:]}")
        return str(done.stdout)

    def log(self) -> str:
        """What the server wrote so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int:
        """The server's process."""
        if self._process is None:
            raise RuntimeError("the server was never started")
        return self._process.pid

    def start(self) -> None:
        """Start it, unless it runs; returns when it answers."""
        if self._process and self._process.poll() is None:
            return
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "fsync": "on",
            "log_min_messages": "warning",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "data", *flags],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the test run is not for the server
                **self._as_user(),  # type: ignore[call-overload]
            )
        ready: list[str | Path] = [self.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run(ready, check=False, timeout=10).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it in order, breaking its connections; returns when it has gone."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """kill -9 on the server and all its processes, as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if how is signal.SIGKILL else []
        self._process.send_signal(how)
        for child in children:  # each leads a session of its own; a busy one would outlive its server for a while
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), how)
        self._process.wait(STOP_SECONDS)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run one statement with psql; its rows as lines, columns divided by |."""
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database]
        return self._run("psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", *address, "-c", statement).strip()

    def create_database(self) -> "Database":
        """A new, empty database."""
        name = f"test_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return Database(self, name)

    def remove(self) -> None:
        """Stop it and delete the cluster."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Database(NamedTuple):
    """One test's database."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """As the settings want it."""
        return f"postgresql://{USER}@127.0.0.1:{self.server.port}/{self.name}"

    def sql(self, statement: str) -> str:
        """Run one statement here; its rows as lines, columns divided by |."""
        return self.server.sql(statement, self.name)

    def drop(self) -> None:
        """Delete it, whoever is still connected."""
        self.server.sql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
