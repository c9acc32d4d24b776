"""The embedded log's one writer: a thread that runs everything queued in one transaction and fsyncs once for all."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from schemas.errors import HikeshiError, UnavailableError
from workers.log import embedded_file

T = TypeVar("T")

GROUP_OPERATIONS = 256  # ours: operations of one transaction, so that none waits long for its fsync
MAINTENANCE_SECONDS = 15.0  # ours: `purge` promises 60 s until the text is in no file; another process may have written
MAINTENANCE_ROWS = 2_000  # ours: retention and compaction hold up the writer for a few milliseconds at a time
CHECKPOINT_RETRY_SECONDS = 0.05  # ours: a reader's snapshot lasts for one poll
CHECKPOINT_BUSY_MS = 20

Operation = Callable[[sqlite3.Connection], T]


class _Request(Generic[T]):
    __slots__ = ("appends", "future", "operation", "removes_text")

    def __init__(
        self, operation: Operation[T], future: "asyncio.Future[T]", *, appends: bool, removes_text: bool
    ) -> None:
        self.operation, self.future, self.appends, self.removes_text = operation, future, appends, removes_text


_Outcome = tuple["asyncio.Future[Any]", Any, Exception | None]


class Writer:
    """Runs operations on the file, in the order they came, grouped into transactions."""

    def __init__(self, path: Path, now_ms: Callable[[], int], on_append: Callable[[], None]) -> None:
        """`on_append` is called on the event loop after each transaction that appended records."""
        self._path, self._now_ms, self._on_append = path, now_ms, on_append
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Request[Any] | None] = SimpleQueue()
        self._closed = False
        self._truncate = False
        self._version = -1
        self._db = embedded_file.connect(path, read_only=False)
        self._thread = threading.Thread(target=self._run, name="hikeshi-log-writer", daemon=True)
        self._thread.start()

    def submit(
        self, operation: Operation[T], *, appends: bool = False, removes_text: bool = False
    ) -> "asyncio.Future[T]":
        """Queue the operation; the future is done once its transaction is on the disk.

        `removes_text`: the write-ahead log still holds what was removed and is emptied right after.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        if self._closed:
            future.set_exception(UnavailableError(f"{self._path} is closed"))
        else:
            self._queue.put(_Request(operation, future, appends=appends, removes_text=removes_text))
        return future

    async def close(self, timeout_seconds: float) -> None:
        """Finish what is queued and close the file, within the time given."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join, timeout_seconds)

    def _run(self) -> None:
        next_maintenance = time.monotonic() + MAINTENANCE_SECONDS
        open_ = True
        while open_:
            wait = CHECKPOINT_RETRY_SECONDS if self._truncate else max(0.0, next_maintenance - time.monotonic())
            requests, open_ = self._take(wait)
            if requests:
                self._transact(requests)
            if self._truncate and self._queue.empty():
                self._truncate = not self._checkpoint()
            if time.monotonic() >= next_maintenance:
                more = self._maintain()
                next_maintenance = time.monotonic() + (1.0 if more else MAINTENANCE_SECONDS)
        self._checkpoint()
        self._db.close()

    def _take(self, wait_seconds: float) -> tuple[list[_Request[Any]], bool]:
        """Everything that is queued, waiting for the first; False once the writer is to stop."""
        requests: list[_Request[Any]] = []
        try:
            item = self._queue.get(timeout=wait_seconds)
            while item is not None:
                requests.append(item)
                if len(requests) >= GROUP_OPERATIONS:
                    return requests, True
                item = self._queue.get_nowait()
        except Empty:
            return requests, True
        return requests, False

    def _transact(self, requests: list[_Request[Any]]) -> None:
        """All of them in one transaction; if it fails, nothing of any is written and all are told."""
        outcomes: list[_Outcome]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(request) for request in requests]
            self._db.execute("COMMIT")
            self._truncate |= any(request.removes_text for request in requests)
        except sqlite3.Error as error:
            self._roll_back()
            fault = embedded_file.translate(error, self._path)
            outcomes = [(request.future, None, fault) for request in requests]
        except Exception as error:  # noqa: BLE001 - the thread outlives a fault of ours, which each caller gets raised
            self._roll_back()
            outcomes = [(request.future, None, error) for request in requests]
        self._loop_call(outcomes, appended=any(request.appends for request in requests))

    def _attempt(self, request: _Request[Any]) -> _Outcome:
        """One operation. Ours refuse (with an error of ours) before they write anything, so the others may go on."""
        try:
            return request.future, request.operation(self._db), None
        except HikeshiError as error:
            return request.future, None, error

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _loop_call(self, outcomes: list[_Outcome], *, appended: bool) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver, outcomes, appended)
        except RuntimeError:
            return  # the loop is gone: nobody waits for an answer any more

    def _deliver(self, outcomes: list[_Outcome], appended: bool) -> None:
        if appended:
            self._on_append()
        for future, result, error in outcomes:
            if future.done():
                continue  # its caller was cancelled
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

    def _checkpoint(self) -> bool:
        """Fold the write-ahead log into the file and empty it; False while a reader holds a snapshot."""
        try:
            # Nobody's write may wait for a reader's snapshot as long as for another writer.
            self._db.execute(f"PRAGMA busy_timeout={CHECKPOINT_BUSY_MS}")
            busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False  # a full disk or a lock: the next write says so to somebody, and this is tried again
        finally:
            self._db.execute(f"PRAGMA busy_timeout={int(embedded_file.BUSY_SECONDS * 1000)}")
        return not busy

    def _maintain(self) -> bool:
        """One bounded pass of retention and compaction; True when more is due. Then empty the write-ahead log."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            more = maintain(self._db, self._now_ms())
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()  # as above: tried again at the next turn
            return False
        self._truncate = True
        return more


def maintain(db: sqlite3.Connection, now_ms: int, limit: int = MAINTENANCE_ROWS) -> bool:
    """One bounded pass of retention and compaction within the caller's transaction; True when more is due."""
    removed = embedded_file.expire(db, now_ms, limit)
    looked, _ = embedded_file.compact(db, now_ms, limit)
    return removed >= limit or looked >= limit
