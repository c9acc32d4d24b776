"""The source `replay`: the posts of a file or of standard input, at the recorded pace or flat out."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

from schemas.errors import ConfigurationError, StopError
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.runtime.stopping import unless
from workers.stream.chunks import ChunkReader
from workers.stream.lines import LineSplitter
from workers.stream.pace import Pace
from workers.stream.source import Line

_log = get_logger(__name__)

STANDARD_INPUT = "-"
# Ours. A batch must not hold up the loop: 500 lines are some 15 ms of work. Of what only passes by (a pipe) the
# contract lets a crash lose 1,000 lines: two batches on their way and the shortest lines of one chunk.
_FILE_BATCH_LINES, _FILE_CHUNK_BYTES = 500, 256 * 1024
_PIPE_BATCH_LINES, _PIPE_CHUNK_BYTES = 250, 8 * 1024
_BATCH_BYTES = 1024 * 1024
_LINGER_SECONDS = 0.002
_PROGRESS_SECONDS = 5.0


class ReplaySource:
    """One file, plain or gzip, or `-`. A file that can't be read is told when this is made, before anything starts."""

    name = "replay"

    def __init__(self, file: str, speed: float | Literal["max"], clock: Clock) -> None:
        self._file, self._clock, self._speed = file, clock, speed
        self._path = None if file == STANDARD_INPUT else Path(file)
        size = _checked_size(self._path) if self._path else None
        self._size = size
        regular = size is not None
        self._batch_lines = _FILE_BATCH_LINES if regular else _PIPE_BATCH_LINES
        self._chunk_bytes = _FILE_CHUNK_BYTES if regular else _PIPE_CHUNK_BYTES
        self._read_bytes = 0
        self._told = clock.monotonic()

    def acknowledged(self, lines: Sequence[Line]) -> None:
        """What was read twice is recognised by its id: there is nothing to remember."""

    def where(self, line: Line) -> Mapping[str, Any]:
        """File and line."""
        return {"file": self._file, "line": line.number}

    async def batches(self, stopping: asyncio.Event) -> AsyncGenerator[Sequence[Line], None]:
        """The file's lines; ends at its end."""
        async with aclosing(self._unpaced(stopping)) as batches:
            if self._speed == "max":
                async for batch in batches:
                    yield batch
                return
            pace = Pace(float(self._speed), self._clock)
            async for batch in batches:
                async with aclosing(self._paced(batch, pace, stopping)) as due_together:
                    async for due in due_together:
                        yield due
                if stopping.is_set() and self._size is not None:
                    return

    async def _paced(
        self, batch: Sequence[Line], pace: Pace, stopping: asyncio.Event
    ) -> AsyncGenerator[Sequence[Line], None]:
        due: list[Line] = []
        for line in batch:
            if pace.wait_seconds(line.data) > 0 and due:
                yield due
                due = []
            if (wait := pace.wait_seconds(line.data)) > 0:
                await unless(stopping, self._clock.sleep(wait))
                if stopping.is_set() and self._size is not None:
                    return  # a file is read again; of a pipe, what was taken goes on now, due or not
            due.append(line)
        if due:
            yield due

    async def _unpaced(self, stopping: asyncio.Event) -> AsyncGenerator[Sequence[Line], None]:
        reader = ChunkReader(self._path, self._chunk_bytes)
        splitter = LineSplitter(self._file)
        batch = _Batch(self._batch_lines)
        chunk: bytes | None = None
        self._read_bytes = 0
        try:
            while chunk != b"" and not stopping.is_set():
                reading = reader.read()
                if batch.lines and not await _soon(reading):
                    yield batch.take()
                chunk = await self._chunk(unless(stopping, reading), splitter.number)
                if chunk is None:
                    break
                for line in splitter.feed(chunk) if chunk else splitter.finish():
                    if batch.add(line):
                        yield batch.take()
            if batch.lines:
                yield batch.take()
        finally:
            reader.close()

    async def _chunk(self, reading: Awaitable[bytes | None], line: int) -> bytes | None:
        try:
            chunk = await reading
        except OSError as error:
            raise StopError(f"{self._file}: reading failed after line {line}: {error.strerror}") from error
        if chunk is None:
            return None
        self._read_bytes += len(chunk)
        now = self._clock.monotonic()
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            share = {"percent": round(100 * self._read_bytes / self._size, 1)} if self._size else {}
            _log.info("replay_progressed", file=self._file, line=line, read_bytes=self._read_bytes, **share)
        return chunk


class _Batch:
    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self.lines: list[Line] = []

    def add(self, line: Line) -> bool:
        """Take the line in; whether the batch is full now."""
        self.lines.append(line)
        self._bytes += len(line.data)
        return len(self.lines) >= self._most or self._bytes >= _BATCH_BYTES

    def take(self) -> list[Line]:
        lines, self.lines, self._bytes = self.lines, [], 0
        return lines


async def _soon(reading: asyncio.Future[bytes]) -> bool:
    """Whether there is more to read right now: else what was read goes on without waiting for company."""
    done, _ = await asyncio.wait({reading}, timeout=_LINGER_SECONDS)
    return bool(done)


def _checked_size(path: Path) -> int | None:
    """A regular file's size; None for a pipe or a device. Raises ConfigurationError for what can't be replayed."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ConfigurationError(f"{path}: is a folder; name one file of posts to replay")
        if not stat.S_ISREG(status.st_mode):
            return None
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        remedy = "check the path of `--file`" if isinstance(error, FileNotFoundError) else "check its permissions"
        raise ConfigurationError(f"{path}: can't be read: {error.strerror}; {remedy}") from None
    return status.st_size
