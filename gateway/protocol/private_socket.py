"""A bound Unix socket that its owner alone may use."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from gateway.protocol.listener import ListenError

_PRIVATE = 0o600


def private_socket(path: Path) -> socket.socket:
    """A socket bound to ``path`` with the mode 0600.

    Raises:
        ListenError: the path cannot be used.
    """
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # never open for others, not even for a moment
    try:
        one.bind(str(path))
        path.chmod(_PRIVATE)
    except (OSError, ValueError) as error:
        one.close()
        raise ListenError(f"{path} {_remedy(error)}") from error
    finally:
        os.umask(before)
    return one


def _remedy(error: OSError | ValueError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return "is in use; stop what listens there, or give another path"
    if number == errno.ENOENT:
        return "is in no folder; make the folder, or give another path"
    if number == errno.EACCES:
        return "cannot be made; give a path in a folder that this user may write to"
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    # Python itself refuses a path that is too long, without a number of the system's.
    too_long = number == errno.ENAMETOOLONG or (number is None and "too long" in why)
    bound = ", of at most 100 bytes" if too_long else ""
    return f"cannot be used: {why}; give another path{bound}"
