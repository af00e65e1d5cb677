"""A client that asks and does not read, by a bare socket."""

from __future__ import annotations

import asyncio
import socket


async def opened(host: str, port: int, data: bytes) -> socket.socket:
    """A connection with the least buffer, on which ``data`` was sent and nothing is read."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(one, (host, port))
    await loop.sock_sendall(one, data)
    return one
