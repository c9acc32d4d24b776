"""Reading a file, a pipe or standard input beside the event loop, one chunk for each time it is asked."""

import asyncio
import os
import queue
import threading
from pathlib import Path

_STANDARD_INPUT = 0


class ChunkReader:
    """A thread that reads only when asked. It is a daemon: a read of a silent pipe can't be called off."""

    def __init__(self, path: Path | None, chunk_bytes: int) -> None:
        self._path, self._chunk_bytes = path, chunk_bytes
        self._wanted: queue.SimpleQueue[asyncio.Future[bytes] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._serve, name="replay-reader", daemon=True).start()

    def read(self) -> asyncio.Future[bytes]:
        """The next chunk; empty at the end. Raises OSError as the file does."""
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._wanted.put(future)
        return future

    def close(self) -> None:
        """Read nothing more."""
        self._wanted.put(None)

    def _serve(self) -> None:
        descriptor: int | None = None if self._path else _STANDARD_INPUT
        while (future := self._wanted.get()) is not None:
            chunk, fault = b"", None
            try:
                if descriptor is None and self._path:
                    descriptor = os.open(self._path, os.O_RDONLY)  # waits for the writer of a named pipe
                chunk = os.read(descriptor or 0, self._chunk_bytes)
            except OSError as error:
                fault = error
            try:
                self._loop.call_soon_threadsafe(_hand_over, future, chunk, fault)
            except RuntimeError:  # the loop has ended meanwhile
                break
        if self._path and descriptor is not None:
            os.close(descriptor)


def _hand_over(future: asyncio.Future[bytes], chunk: bytes, fault: OSError | None) -> None:
    if future.done():
        return
    if fault:
        future.set_exception(fault)
    else:
        future.set_result(chunk)
