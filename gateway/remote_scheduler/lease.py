"""The lease of a socket: one scheduler's process for one path, for as long as the process lives."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from pathlib import Path

from gateway.protocol.listener import ListenError
from gateway.protocol.private_socket import private_socket

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700


def take_lease(path: Path) -> int:
    """Lock the path of a socket; returns the descriptor that holds the lock until it is closed.

    The kernel gives the lock back when the process ends, in whatever way.

    Raises:
        ListenError: another process has the lock, or the folder cannot be used.
    """
    folder = path.parent
    try:
        if not folder.is_dir():
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
        told = folder.stat()
    except OSError as error:
        raise ListenError(
            f"{folder} cannot be used: {error.strerror}; give another path"
        ) from error
    if told.st_uid != os.getuid() or stat.S_IMODE(told.st_mode) & 0o077:
        raise ListenError(f"{folder} is open to others; run: chmod 700 {folder}")
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise ListenError(f"{path} cannot be used: {error.strerror}; give another path") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise ListenError(
            f"{path} has a scheduler already; two never rule one pool of workers. End the other "
            "one, or give another path"
        ) from error
    return lock


def leased_socket(path: Path) -> socket.socket:
    """A socket bound to a path of which this process has the lease; one that was left is replaced.

    Raises:
        ListenError: the path cannot be used.
    """
    try:
        path.unlink(missing_ok=True)  # the lease says that nobody serves it
    except OSError as error:
        raise ListenError(f"{path} cannot be used: {error.strerror}; give another path") from error
    return private_socket(path)


def next_epoch(lock: int, now: int) -> int:
    """The epoch of this process: ``now``, or more where the clock has been set back meanwhile.

    Args:
        lock: the descriptor of the lease, whose file keeps the last epoch.
        now: microseconds since 1970.
    """
    kept = os.pread(lock, 32, 0).strip()
    epoch = max(now, int(kept) + 1 if kept.isdigit() else 0)
    os.pwrite(lock, b"%-31d\n" % epoch, 0)
    return epoch
