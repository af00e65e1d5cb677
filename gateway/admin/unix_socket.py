"""A bound Unix socket that its owner alone may use."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from gateway.protocol.listener import ListenError

PRIVATE = 0o600


def bound_unix_socket(path: Path) -> socket.socket:
    """A socket bound to ``path`` with the mode 0600. One that nobody serves any more is replaced.

    Raises:
        ListenError: the path cannot be used, or another process serves it.
    """
    if _is_left_over(path):
        path.unlink(missing_ok=True)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # never open for others, not even for a moment
    try:
        one.bind(str(path))
        path.chmod(PRIVATE)
    except OSError as error:
        one.close()
        raise ListenError(f"admin.listen: {path} {_remedy(error)}") from error
    finally:
        os.umask(before)
    return one


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


def _remedy(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "is in use; stop the gateway that listens there, or give another path"
    if error.errno == errno.ENOENT:
        return "is in no folder; make the folder, or give another path"
    if error.errno == errno.EACCES:
        return "cannot be made; give a path in a folder that the gateway may write to"
    return f"cannot be used: {error.strerror}; give another path"
