"""A process without descriptors closes idle connections, says so once, and goes on."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from time import monotonic
from typing import Any

import pytest

from gateway.clients.acceptor import Acceptor
from gateway.clients.connections import Connections
from gateway.config.listen import Listen
from tests.gateway.harness import until


class Exhausted(socket.socket):
    """A listening socket of a process that lacks descriptors for three attempts."""

    attempts: tuple[float, ...] = ()
    """When each began."""

    def accept(self) -> tuple[socket.socket, Any]:
        self.attempts += (monotonic(),)
        if len(self.attempts) <= 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_without_descriptors_accepting_pauses_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Exhausted()
    listener.bind(("127.0.0.1", 0))
    connections = Connections(Listen())
    accepted: list[asyncio.Protocol] = []

    def protocol() -> asyncio.Protocol:
        accepted.append(asyncio.Protocol())
        return accepted[-1]

    acceptor = Acceptor([listener], protocol, connections)
    acceptor.start(10)
    with caplog.at_level(logging.ERROR):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        await until(lambda: bool(accepted), "the client is accepted")
    assert connections.refused["no_descriptor"] == 3
    assert listener.attempts[3] - listener.attempts[0] > 0.2
    assert len(caplog.records) == 1
    assert "ulimit -n" in caplog.text
    writer.close()
    acceptor.close()
