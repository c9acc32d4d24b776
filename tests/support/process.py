"""The program as its user runs it: in a process of its own, with its output kept, ended by its id."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("hikeshi")


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of ours, plus those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIKESHI_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # every start would compile everything anew
    return kept | dict(settings or {})


class Process:
    """A started program. As a context manager it is killed at the end, if it still runs."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        stdin: int | bytes = subprocess.DEVNULL,
        command: Sequence[str | Path] = (PROGRAM,),
        name: str = "hikeshi",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.arguments = [str(part) for part in arguments]
        self.output, self.errors = folder / f"{name}.out", folder / f"{name}.err"
        with self.output.open("wb") as out, self.errors.open("wb") as err:
            self._process = subprocess.Popen(
                [*map(str, command), *self.arguments],
                cwd=folder,
                env=environment(settings),
                stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
                stdout=out,
                stderr=err,
            )
        if isinstance(stdin, bytes) and self._process.stdin:
            self._process.stdin.write(stdin)
            self._process.stdin.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def stdout(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self.errors.read_text(errors="replace")

    @property
    def summary(self) -> dict[str, Any]:
        """The last line of standard output, as `run --json` prints it."""
        decoded: dict[str, Any] = json.loads(self.stdout.strip().splitlines()[-1])
        return decoded

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.stdout.splitlines() if line.strip()]

    def feed(self, line: str) -> bool:
        """Write a line to its standard input (`stdin=subprocess.PIPE`); False when nobody reads any more."""
        stdin = self._process.stdin
        if stdin is None:
            raise ValueError("started without a pipe as standard input")
        try:
            stdin.write(line.encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def wait(self, timeout_seconds: float = 60.0) -> int:
        """Its exit status (negative: the signal that ended it)."""
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self} still ran after {timeout_seconds} s:\n{self.stderr[-4000:]}") from None

    def wait_for_log(self, text: str, timeout_seconds: float = 30.0) -> None:
        """Block until standard error holds this text."""
        deadline = time.monotonic() + timeout_seconds
        while text not in self.stderr:
            if self.returncode is not None or time.monotonic() > deadline:
                raise TimeoutError(f"{self} did not say {text!r}:\n{self.stderr[-4000:]}")
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            self._process.send_signal(number)

    def terminate(self, timeout_seconds: float = 40.0) -> int:
        """SIGTERM, then its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_seconds)

    def kill(self) -> None:
        """kill -9, and wait until it has gone."""
        self.signal(signal.SIGKILL)
        self._process.wait(10)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def __str__(self) -> str:
        return f"hikeshi {' '.join(self.arguments)} (pid {self.pid})"


def run(
    *arguments: str | Path,
    folder: Path,
    settings: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout_seconds: float = 60.0,
    name: str = "hikeshi",
) -> Process:
    """Run the program to its end."""
    process = Process(arguments, folder=folder, settings=settings, stdin=stdin, name=name)
    process.wait(timeout_seconds)
    return process
