"""The operators' listener: a second server in the same event loop, which ends last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence

import uvicorn

from gateway.admin.unix_socket import bound_unix_socket, remove
from gateway.clients.connections import Connections
from gateway.clients.server import ListeningServer, server_protocols
from gateway.config.admin import Admin
from gateway.config.listen import Listen
from gateway.protocol.asgi import App
from gateway.protocol.listener import ListenError, bound_sockets

log = logging.getLogger("lengthwise")

LISTEN = Listen(max_connections=128, keep_alive_s=30)
"""What connections of operators may cost: theirs are bounded apart from the clients'."""

_LAST_ANSWERS_S = 0.3
_TICK_S = 1.0


def admin_sockets(settings: Admin) -> list[socket.socket]:
    """The bound sockets of the operators' listener; none where it is off.

    Raises:
        ListenError: the address cannot be used.
    """
    if settings.path is not None:
        return [bound_unix_socket(settings.path)]
    if settings.host_and_port is None:
        return []
    try:
        return bound_sockets(*settings.host_and_port)
    except ListenError as error:
        text = str(error).replace("another --port", "another port")
        raise ListenError(f"admin.listen: {text}") from error


class _AdminServer(ListeningServer):
    """uvicorn that begins and ends when told; signals are for the server of the clients."""

    async def begin(self, sockets: Sequence[socket.socket]) -> None:
        """Listen."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(list(sockets))

    async def main_loop(self) -> None:
        """Keep the header Date right, until cancelled."""
        while True:
            await self.on_tick(0)
            await asyncio.sleep(_TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener; answers that are under way get a moment."""
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if tasks := list(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=_LAST_ANSWERS_S)
            for task in late:
                task.cancel()


@contextlib.asynccontextmanager
async def admin_listening(
    app: App,
    settings: Admin,
    sockets: Sequence[socket.socket],
    closing: Callable[[], None] = lambda: None,
) -> AsyncIterator[None]:
    """Serve the operators' application on bound sockets for the length of the block.

    ``closing`` lets answers end that would go on forever.
    """
    if not sockets:
        yield
        return
    connections = Connections(LISTEN)
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        **server_protocols(connections),
    )
    server = _AdminServer(config, connections)
    inode = os.stat(settings.path).st_ino if settings.path else 0
    await server.begin(sockets)
    ticking = asyncio.create_task(server.main_loop(), name="serve operators")
    watching = asyncio.create_task(connections.watch(), name="watch operators' connections")
    log.info("operators are served on %s", _shown(settings, sockets))
    try:
        yield
    finally:
        closing()
        ticking.cancel()
        watching.cancel()
        await asyncio.gather(ticking, watching, return_exceptions=True)
        await server.shutdown()
        if settings.path is not None:
            remove(settings.path, inode)


def _shown(settings: Admin, sockets: Sequence[socket.socket]) -> str:
    if settings.path is not None:
        return str(settings.path)
    host, port = sockets[0].getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
