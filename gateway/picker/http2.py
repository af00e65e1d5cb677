"""The gRPC server: grpclib's, with its frames gathered, and with a goodbye before its end."""

from __future__ import annotations

import asyncio
import struct
from typing import Any, cast
from weakref import WeakSet

from grpclib.protocol import H2Protocol
from grpclib.server import Handler, Server

_LAST_STREAM = 2**31 - 1
"""The id in a goodbye that lets every stream go on which the data plane has opened by then."""

_GOAWAY = struct.pack(">HBBBIII", 0, 8, 7, 0, 0, _LAST_STREAM, 0)
"""HTTP/2's frame (RFC 9113, 6.8): 8 bytes, type 7, no flags, stream 0; last stream, no error."""


class Gathering:
    """A transport whose writes go out together once a turn of the loop is over.

    grpclib writes each frame by itself: three or four of each request, each a call of the kernel
    here and one at the data plane.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take bytes; they leave after what this turn of the loop still does."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Send what is left, and close."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Protocol(H2Protocol):
    """One connection of a data plane."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with gathered writes."""
        gathering = Gathering(cast("asyncio.Transport", transport))
        super().connection_made(cast("asyncio.Transport", gathering))
        self._gathering = gathering

    def goodbye(self) -> None:
        """Let the data plane open no new stream here; those that are open go on.

        The frame is written past h2, which would end the connection with it.
        """
        if not self._gathering.is_closing():
            self._gathering.write(_GOAWAY)


class GrpcServer(Server):
    """grpclib's server."""

    def __init__(self, *args: Any, **kinds: Any) -> None:
        super().__init__(*args, **kinds)
        self._connections: WeakSet[_Protocol] = WeakSet()

    def _protocol_factory(self) -> H2Protocol:
        self.__gc_step__()
        handler = Handler(self._mapping, self._codec, self._status_details_codec, self.__dispatch__)
        self._handlers.add(handler)
        protocol = _Protocol(handler, self._config, self._h2_config)
        self._connections.add(protocol)
        return protocol

    @property
    def connections(self) -> int:
        """Connections of data planes that are open."""
        return sum(not one.connection.is_closing() for one in self._connections)

    def goodbye(self) -> None:
        """Send each data plane to another connection for its next requests (GOAWAY)."""
        for connection in list(self._connections):
            connection.goodbye()
