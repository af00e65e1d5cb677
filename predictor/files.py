"""Files that several processes share: locks that die with their holder, renames that last."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class LockedError(OSError):
    """Another process holds the lock; the message names the file and, if known, the process."""


def acquire(path: Path) -> int:
    """Lock ``path`` (made if absent) for this process; ``release`` the returned descriptor.

    The system lets go of the lock when the process ends, however it ends: none goes stale.

    Raises:
        LockedError: somebody else holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle)
    except OSError as error:
        holder = os.read(handle, 20).decode("ascii", "replace").strip()
        os.close(handle)
        who = f"process {holder}" if holder else "another process"
        raise LockedError(f"{path} is held by {who}; wait for it, or end it") from error
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle


def release(handle: int) -> None:
    """Let go of what ``acquire`` returned; the file stays, so that nobody locks a removed one."""
    with suppress(OSError):
        os.ftruncate(handle, 0)
    os.close(handle)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """``acquire`` and ``release`` around a block."""
    handle = acquire(path)
    try:
        yield
    finally:
        release(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, 1024, os.SEEK_SET)  # beyond the text, which others may then read
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` last through a power cut, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
