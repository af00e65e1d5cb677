"""The link from a child to its parent: the child ends with the parent, and tells it that it serves.

A socket in place of a signal at the parent's death (PR_SET_PDEATHSIG): it also works where the
thread that started the child has ended before the parent, and on every system.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from time import sleep

READY = b"ready"
"""What a child tells the parent once it serves."""

AGAIN_S = 0.1
"""Seconds between the two signals that end a child without its parent."""


class ParentLink:
    """The child's end, by its descriptor. A thread watches it from the first moment on."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        threading.Thread(target=self._watch, name="parent", daemon=True).start()

    def serves(self) -> None:
        """Tell the parent that this process serves. A parent that has died meanwhile ends it."""
        with suppress(OSError):
            self._socket.send(READY)

    def _watch(self) -> None:
        """End this process soon after its parent: the port must be free for the next gateway."""
        with suppress(OSError):
            while self._socket.recv(64):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        sleep(AGAIN_S)
        os.kill(os.getpid(), signal.SIGTERM)  # the second one cuts what still runs
