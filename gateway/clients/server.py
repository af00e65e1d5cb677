"""ListeningServer: uvicorn on bound sockets, within bounds on its connections."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Any

import uvicorn

from gateway.clients.acceptor import Acceptor
from gateway.clients.connections import Connections
from gateway.protocol.tcp_keep_alive import keep_alive

try:
    from gateway.clients.connection import Connection
except ImportError:  # Windows: uvicorn uses h11, with bounds of its own
    Connection = None  # type: ignore[assignment, misc]


def server_protocols(connections: Connections) -> dict[str, Any]:
    """Settings of uvicorn that make it serve HTTP/1.1 alone, within the connections' bounds."""
    settings: dict[str, Any] = {"ws": "none", "interface": "asgi3"}
    if Connection is not None:
        settings["http"] = partial(Connection, connections=connections)
    return settings


UNSENT_BYTES = 32_768
"""What the kernel keeps of an answer beyond what is on its way: by itself it would take, for each
client that does not read, some 2.5 MB of work from the gateway and the worker."""


_UNIX = getattr(socket, "AF_UNIX", None)  # not on every system


class ListeningServer(uvicorn.Server):
    """uvicorn with an acceptor of our own."""

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self._connections = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen."""
        await super().startup(sockets=[])
        if not self.started:
            return
        bound = [one if one.family == _UNIX else _prepared(one) for one in sockets or ()]
        acceptor = Acceptor(bound, self._protocol, self._connections)
        acceptor.start(self.config.backlog)
        self.servers.append(acceptor)  # type: ignore[arg-type]

    def _protocol(self) -> asyncio.Protocol:
        """What handles one connection."""
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        return made


def _prepared(one: socket.socket) -> socket.socket:
    """A listening socket whose options all accepted sockets inherit."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None:  # not on every system
        one.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)
    # asyncio sets this by itself only where the socket names its protocol, and uvicorn's sockets do
    # not. An answer's body would wait 40 ms until the client has acknowledged the answer's head.
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return keep_alive(one)
