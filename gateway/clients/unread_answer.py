"""UnreadAnswer: how fast a client takes what was written to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from time import monotonic

LEAST_BYTES_PER_S = 256
"""Any client that reads is faster."""

_INFO = getattr(socket, "TCP_INFO", None)
_ACKED = struct.Struct("=120xQ")
"""``tcpi_bytes_acked`` of Linux's ``struct tcp_info``."""


class UnreadAnswer:
    """Written data that waits for its client, from the moment at which it began to wait.

    The kernel lets more be written only when a third of its buffer is free, which takes a slow but
    honest client long: so what counts is what the client's machine has acknowledged, where the
    kernel tells.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._since = monotonic()
        self._mark = self._taken()

    def waits(self) -> bool:
        """Whether anything still waits."""
        return self._transport.get_write_buffer_size() > 0

    def stalled(self, now: float, patience_s: float) -> bool:
        """Whether the client has taken next to nothing for ``patience_s`` seconds."""
        taken = self._taken()
        if taken - self._mark >= LEAST_BYTES_PER_S * patience_s:
            self._since, self._mark = now, taken
        return now - self._since > patience_s

    def _taken(self) -> int:
        """Bytes that the client has taken, from an unknown start."""
        one = self._transport.get_extra_info("socket")
        if _INFO is not None and one is not None:
            with contextlib.suppress(OSError, struct.error):  # closed, or an old kernel
                acked: int = _ACKED.unpack(one.getsockopt(socket.IPPROTO_TCP, _INFO, 128))[0]
                return acked
        return -self._transport.get_write_buffer_size()
