"""Acceptor: takes clients' connections, also when the process has no descriptor left.

asyncio's own server logs a trace for each of 2,048 attempts then, and tries again at once.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from gateway.clients.connections import Connections

log = logging.getLogger("lengthwise")

_BATCH = 64
"""Connections that are accepted before other events have their turn."""

_PAUSE_S = 0.1
_EVICTED = 8
"""Connections that are closed for want of descriptors, before each pause."""

_LOG_S = 60.0
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Acceptor:
    """Listens on bound sockets; uvicorn takes it for an ``asyncio.Server``."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        protocol: Callable[[], asyncio.Protocol],
        connections: Connections,
    ) -> None:
        self.sockets = tuple(sockets)
        self._protocol = protocol
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[None]] = set()
        self._paused: dict[socket.socket, asyncio.TimerHandle] = {}
        self._logged = -_LOG_S

    def start(self, backlog: int) -> None:
        """Listen and accept."""
        for one in self.sockets:
            one.listen(backlog)
            one.setblocking(False)
            self._resume(one)

    def close(self) -> None:
        """Accept no more. Open connections stay."""
        for timer in self._paused.values():
            timer.cancel()
        self._paused.clear()
        for one in self.sockets:
            if one.fileno() >= 0:
                self._loop.remove_reader(one)
                one.close()

    async def wait_closed(self) -> None:
        """Return at once: nothing is left to close."""

    def _resume(self, one: socket.socket) -> None:
        self._paused.pop(one, None)
        self._loop.add_reader(one, self._accept, one)

    def _accept(self, one: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                accepted, _ = one.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(one, error)
                    return
                continue  # the client has gone again
            if len(self._connecting) >= self._connections.most:  # in their handshakes
                self._connections.refused["too_many_connections"] += 1
                accepted.close()
                continue
            task = self._loop.create_task(self._connect(accepted))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._protocol, accepted, **self._tls())
        except OSError:  # the client has gone again, or speaks no TLS
            accepted.close()

    def _tls(self) -> dict[str, Any]:
        """How a connection begins where clients are served over TLS."""
        certificate, listen = self._connections.certificate, self._connections.listen
        if certificate is None:
            return {}
        return {
            "ssl": certificate.context(),
            "ssl_handshake_timeout": listen.header_timeout_s,
            "ssl_shutdown_timeout": listen.send_timeout_s,
        }

    def _pause(self, one: socket.socket, error: OSError) -> None:
        """Make room, and let the clients wait a moment in the kernel's queue."""
        self._connections.refused["no_descriptor"] += 1
        for _ in range(_EVICTED):
            self._connections.evict()
        self._loop.remove_reader(one)
        self._paused[one] = self._loop.call_later(_PAUSE_S, self._resume, one)
        if monotonic() - self._logged >= _LOG_S:
            self._logged = monotonic()
            log.error(
                "no connection can be accepted: %s; idle ones are closed. Raise the limit on "
                "descriptors (ulimit -n), or lower listen.max_connections",
                error.strerror,
            )
