"""The folder of one gateway's sockets and files, and the end of folders that were left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.config.admin import MOST_PATH_BYTES
from gateway.fronts.handoff import SALT

LOCK = "lock"
"""In the folder: the parent holds its lock, which the system frees at whatever death."""

_PREFIX = "lengthwise-"


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that its owner alone may use (0700), with a path that a socket may have."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    if len(os.fsencode(folder)) > MOST_PATH_BYTES - 20:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))
    try:
        with (folder / LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / SALT).write_bytes(secrets.token_bytes(16))
            remove_left_behind(folder.parent)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left_behind(parent: Path) -> None:
    """Remove this user's folders in ``parent`` whose gateway was killed: nobody holds the lock."""
    for folder in parent.glob(f"{_PREFIX}*"):
        # The salt is written under the lock: without it a gateway is about to take the lock.
        if not (folder / SALT).is_file() or folder.stat().st_uid != os.getuid():
            continue
        with contextlib.suppress(OSError), (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
