"""The gRPC server of the picker, on bound sockets."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from grpclib.encoding.base import CodecBase

from gateway.config.errors import ConfigError
from gateway.config.listen import Tls
from gateway.picker.http2 import GrpcServer


class _Codec(CodecBase):
    """Messages of protobuf, and those that are bytes already: there is one for each chunk."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return message if type(message) is bytes else message.SerializeToString()

    def decode(self, data: bytes, message_type: Any) -> Any:
        return message_type.FromString(data)


async def grpc_listening(
    services: Sequence[Any], sockets: Sequence[socket.socket], tls: Tls
) -> list[GrpcServer]:
    """A started server with these services on each of the bound sockets.

    Raises:
        ConfigError: the certificate cannot be read.
    """
    # Envoy resets the stream of each request once it has the answer: grpclib tells every one.
    logging.getLogger("grpclib.server").setLevel(logging.WARNING)
    context, servers = _context(tls), []
    for one in sockets:
        server = GrpcServer(services, codec=_Codec())
        await server.start(sock=one, ssl=context, backlog=2048)
        servers.append(server)
    return servers


async def end(servers: Sequence[GrpcServer]) -> None:
    """Accept nothing more, and cancel what is left."""
    for server in servers:
        server.close()
    for server in servers:
        await server.wait_closed()


def _context(tls: Tls) -> ssl.SSLContext | None:
    if tls.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["h2"])
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"picker.tls: {tls.certificate}: {error}") from error
    return context
