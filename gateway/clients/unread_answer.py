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
_TAKEN = struct.Struct("=24xI92xQ")
"""``tcpi_unacked`` (packets) and ``tcpi_bytes_acked`` of Linux's ``struct tcp_info``."""


class UnreadAnswer:
    """Written data that waits for its client, from the moment at which it began to wait.

    The kernel lets more be written only when a third of its buffer is free, which takes a slow but
    honest client long: so what counts is what the client's machine has acknowledged, where the
    kernel tells.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._begun = self._since = self._moved = monotonic()
        self._first = self._mark = self._last = self._taken()[1]

    @property
    def size(self) -> int:
        """Bytes that wait here, beyond the kernel's."""
        return self._transport.get_write_buffer_size()

    def stalled(self, now: float, patience_s: float) -> bool:
        """Whether the client has taken next to nothing for ``patience_s`` seconds."""
        _, taken = self._taken()
        if taken - self._mark >= LEAST_BYTES_PER_S * patience_s:
            self._since, self._mark = now, taken
        return now - self._since > patience_s

    def takes_nothing(self, now: float, patience_s: float) -> bool:
        """Whether the client's machine is there, and has taken nothing for ``patience_s`` seconds.

        While the network is down, data that was sent is not acknowledged. A client that does not
        read has acknowledged all, and has no room for more.
        """
        on_its_way, taken = self._taken()
        if on_its_way or taken != self._last:
            self._moved, self._last = now, taken
        return now - self._moved > patience_s

    def age(self, now: float) -> float:
        """Seconds since data began to wait."""
        return now - self._begun

    def seconds_left(self, now: float) -> float:
        """Seconds until the client has taken all, if it goes on as it has so far."""
        pace = (self._taken()[1] - self._first) / max(self.age(now), 1.0)
        return self.size / max(pace, LEAST_BYTES_PER_S)

    def _taken(self) -> tuple[int, int]:
        """Packets on their way, and bytes that the client has taken, from an unknown start."""
        one = self._transport.get_extra_info("socket")
        if _INFO is not None and one is not None:
            with contextlib.suppress(OSError, struct.error):  # closed, or an old kernel
                on_its_way, acked = _TAKEN.unpack(one.getsockopt(socket.IPPROTO_TCP, _INFO, 128))
                return on_its_way, acked
        return 0, -self._transport.get_write_buffer_size()
