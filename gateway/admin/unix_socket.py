"""The operators' Unix socket: one that was left behind is replaced, one that is served is not."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from pathlib import Path

from gateway.protocol.listener import ListenError
from gateway.protocol.private_socket import private_socket


def bound_unix_socket(path: Path) -> socket.socket:
    """A socket bound to ``path`` with the mode 0600. One that nobody serves any more is replaced.

    Raises:
        ListenError: the path cannot be used, or another process serves it.
    """
    if _is_left_over(path):
        path.unlink(missing_ok=True)
    try:
        return private_socket(path)
    except ListenError as error:
        raise ListenError(f"admin.listen: {error}") from error


def remove(path: Path, inode: int) -> None:
    """Remove the socket with this inode, unless another has taken its place."""
    with suppress(OSError):
        if path.stat().st_ino == inode:
            path.unlink()


def _is_left_over(path: Path) -> bool:
    """Whether there is a socket that nobody serves."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(str(path))
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
