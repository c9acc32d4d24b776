"""The data folder: made, tried for writing, and locked, so that one process alone writes its files."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas.errors import ConfigurationError, StopError

LOCK_FILE: Final = "hikeshi.lock"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def prepare_folder(folder: Path) -> None:
    """Make the folder if it is missing, and write and remove a file in it. Says what to mend, and exits 2, if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.write_bytes(b"hikeshi")
        probe.unlink()
    except OSError as error:
        if error.errno in _FULL:
            raise StopError(f"{folder}: the disk is full: make room, then start again") from error
        raise ConfigurationError(
            f"{folder}: the data folder can't be written ({error.strerror}): give a folder that this user may write, "
            "with --data or HIKESHI_DATA"
        ) from error


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when the process ends, however it ends."""
    prepare_folder(folder)
    with (folder / LOCK_FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise ConfigurationError(
                    f"{folder}: can't be locked ({error.strerror}): put the data folder on a local disk"
                ) from error
            raise ConfigurationError(
                f"{folder}: the data folder is in use by another `hikeshi run`{_holder(folder)}: stop that one, or "
                "give this one a folder of its own with --data"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def in_use(folder: Path) -> bool:
    """Whether a process holds the folder's lock."""
    try:
        with (folder / LOCK_FILE).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES)
    return False


def _holder(folder: Path) -> str:
    try:
        pid = (folder / LOCK_FILE).read_text().strip()
    except OSError:
        return ""
    return f" (process {pid})" if pid.isdigit() else ""
