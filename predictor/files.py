"""Locks, atomic writes and durable renames for files that several processes share."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PARTIAL = ".partial"
"""Suffix of a file that ``atomic_write`` has not finished; a crash leaves the file behind."""


PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
"""Modes of what holds prompts, salts or keys."""


def private_folder(path: Path) -> None:
    """Make the folder ``path`` if absent, and keep other users out of it and of all that is in it.

    What an earlier version made with wider modes is narrowed. What belongs to another user stays
    as it is.

    Raises:
        OSError: the folder cannot be made.
    """
    path.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    narrow(path)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            narrow(Path(folder, name))


def narrow(path: Path) -> None:
    """Take the rights of other users from a file or a folder, if it is there and this user's."""
    if path.is_symlink() or not path.exists():
        return
    mode = PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE
    with suppress(PermissionError):
        if path.stat().st_mode & 0o777 & ~mode:
            path.chmod(mode)


def mode_in(folder: Path, most: int = 0o666) -> int:
    """The mode of a new file in ``folder``: as open as the folder, at most ``most``."""
    return folder.stat().st_mode & most


class LockedError(OSError):
    """Another process holds the lock; the message names the file and, if known, the process."""


def acquire(path: Path) -> int:
    """Lock the file ``path`` for this process and return the descriptor for ``release``.

    The file and its folder are made if absent. The file then holds the process's id. The operating
    system releases the lock when the process ends, so no lock outlives its process.

    Raises:
        LockedError: another process holds the lock.
    """
    path.parent.mkdir(mode_in(_nearest(path.parent), 0o777), parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, mode_in(path.parent))
    try:
        lock(descriptor)
    except OSError as error:
        raise _locked(path, descriptor) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _locked(path: Path, descriptor: int) -> LockedError:
    """Close the locked file; returns the error that names the process in it."""
    process = os.read(descriptor, 20).decode("ascii", "replace").strip()
    os.close(descriptor)
    holder = f"process {process}" if process else "another process"
    return LockedError(f"{path} is locked by {holder}; wait for that process or stop it")


def release(descriptor: int) -> None:
    """Release the lock that ``acquire`` returned.

    The file stays: a process that locked a deleted file would not exclude the next one.
    """
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock of the file ``path`` during a block.

    Raises:
        LockedError: another process holds the lock.
    """
    descriptor = acquire(path)
    try:
        yield
    finally:
        release(descriptor)


if sys.platform == "win32":
    import msvcrt

    def lock(descriptor: int) -> None:
        """Lock an open file until the file is closed; raises OSError if it is locked already."""
        os.lseek(descriptor, 1024, os.SEEK_SET)  # past the text, which other processes may read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Lock an open file until the file is closed; raises OSError if it is locked already."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def atomic_write(path: Path, *, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Give a binary file whose content becomes the file ``path`` when the block ends.

    The file has this ``mode``, or else is as open to other users as its folder.

    A reader sees the old file or the new one, never a part. The new content survives a power cut
    once the block has ended. If the block raises, the old file stays.

    Raises:
        OSError: the file cannot be written.
    """
    partial = path.with_name(path.name + PARTIAL)
    try:
        partial.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        mode = mode_in(path.parent) if mode is None else mode
        with open(os.open(partial, flags, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        rename(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to the file ``path`` in one step; see ``atomic_write``."""
    with atomic_write(path) as file:
        file.write(data)


def rename(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target`` in one step; the rename survives a power cut.

    A file that ``target`` names is replaced. Both paths are in the same file system.
    """
    os.replace(source, target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open a folder
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_folder(path: Path) -> None:
    """Check that files can be written into the folder ``path``, which need not exist.

    Nothing is left behind. For commands that write at the end of long work.

    Raises:
        OSError: they cannot; the error names the place.
    """
    there = _nearest(path)
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(there)) from None


def check_file(path: Path) -> None:
    """Check that the file ``path`` can be written, whose folder exists; as ``check_folder``.

    Raises:
        OSError: it cannot; the error names the place.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.parent.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    if path.exists():
        os.close(os.open(path, os.O_WRONLY))  # changes nothing
    else:
        check_folder(path.parent)


def _nearest(path: Path) -> Path:
    """The path, or the nearest of its parents that exists."""
    return next((place for place in (path, *path.absolute().parents) if place.exists()), Path())
