"""TCP keep-alive: the kernel notices peers that are gone without a word."""

from __future__ import annotations

import socket
from typing import Any

IDLE_S, INTERVAL_S, PROBES = 30, 10, 3
"""A peer that is gone is noticed after 30 s of silence and three probes without an answer: 60 s."""

_OPTIONS = {"TCP_KEEPIDLE": IDLE_S, "TCP_KEEPINTVL": INTERVAL_S, "TCP_KEEPCNT": PROBES}


UNANSWERED_MS = 60_000
"""Milliseconds for which bytes that were sent to a worker may stay unacknowledged. While there are
such bytes the kernel sends no probes, and by itself tries again for a quarter of an hour."""


def keep_alive(one: socket.socket) -> socket.socket:
    """Let the kernel probe the peer of a socket; what a listening socket accepts inherits this."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if (option := getattr(socket, name, None)) is not None:  # not on every system
            one.setsockopt(socket.IPPROTO_TCP, option, value)
    return one


def kept_alive_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket to a worker, for an address as ``getaddrinfo`` gives it."""
    family, kind, protocol, *_ = address
    one = keep_alive(socket.socket(family, kind, protocol))
    if (option := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:  # not on every system
        one.setsockopt(socket.IPPROTO_TCP, option, UNANSWERED_MS)
    return one
