"""The gRPC server of the scheduler's process."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import time
from collections.abc import Sequence

from grpclib.server import Server

from gateway.remote_scheduler.address import TOKEN
from gateway.remote_scheduler.core import Core
from gateway.remote_scheduler.service import Bytes, Service


async def serve(
    sockets: Sequence[socket.socket],
    context: ssl.SSLContext | None,
    epoch: int,
    fronts: int,
    where: str,
) -> None:
    """Serve fronts on bound sockets until cancelled. ``where`` is printed once it listens."""
    logging.getLogger("grpclib").setLevel(logging.CRITICAL)
    core = Core(epoch, time.monotonic, expected=fronts)
    service = Service(core, os.environ.get(TOKEN, ""))
    servers = []
    for one in sockets:
        server = Server([service], codec=Bytes())
        await server.start(sock=one, ssl=context)
        servers.append(server)
    print(f"Lengthwise's scheduler is at {where}", flush=True)
    try:
        await service.watch()
    finally:
        for server in servers:
            server.close()
