"""Lines between X and the worker: bounded, never dropped from; what doesn't fit makes the stream disconnect."""

import asyncio
from collections import deque
from typing import Final

from workers.stream.source import Line

# Ours: 20 s of an account's 250 posts/s.
MAX_LINES: Final = 5_000
MAX_BYTES: Final = 64 * 1024 * 1024


class Buffer:
    """Filled by the stream and by recovery, emptied by the worker."""

    def __init__(self, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self._max_lines, self._max_bytes = max_lines, max_bytes
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether no more should come."""
        return len(self._lines) >= self._max_lines or self._bytes >= self._max_bytes

    def put(self, line: Line) -> None:
        """Keep it, even beyond the limit: who puts looks at `full` after it."""
        self._lines.append(line)
        self._bytes += len(line.data)
        self._tell()

    async def filled(self) -> None:
        """Wait until there is a line."""
        while not self._lines:
            await self._change()

    def take(self, most: int) -> list[Line]:
        """What is there."""
        lines = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
        self._bytes -= sum(len(line.data) for line in lines)
        self._tell()
        return lines

    async def half_empty(self) -> None:
        """Wait until there is room: recovery fills half of it at most, so that the stream always has the rest."""
        while len(self._lines) > self._max_lines // 2 or self._bytes > self._max_bytes // 2:
            await self._change()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        await self._changed.wait()
