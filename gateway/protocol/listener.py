"""Sockets bound before anything slow starts, so that a port in use is told at once."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass

_REMEDIES = {
    errno.EADDRINUSE: "is in use; stop what listens there, or give another {port}{free}",
    errno.EACCES: "needs more rights; give a {port} above 1023",
    errno.EADDRNOTAVAIL: "is no address of this machine; give {host}",
}


MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Wording:
    """What the command at fault calls host and port, for the remedies."""

    host: str = "--host 127.0.0.1 or 0.0.0.0"
    port: str = "--port"
    free: str = " (0: a free one)"


USUAL = Wording()


class ListenError(Exception):
    """Host or port cannot be used; the message names both, and the remedy."""


def bound_sockets(host: str, port: int, wording: Wording = USUAL) -> list[socket.socket]:
    """Sockets bound to each address of ``host``, which do not listen yet; port 0 is a free one.

    ``wording`` is for the remedies.

    Raises:
        ListenError: the name is unknown, or an address or the port cannot be used.
    """
    if not 0 <= port <= MOST_PORT:  # getaddrinfo would take the last 16 bits
        raise ListenError(f"port {port} is none; give a {wording.port} from 0 to {MOST_PORT}")
    with ExitStack() as bound:
        sockets: list[socket.socket] = []
        for family, address in _addresses(host, port, wording):
            one = bound.enter_context(socket.socket(family, socket.SOCK_STREAM))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            chosen = sockets[0].getsockname()[1] if sockets else address[1]
            _bind(one, (address[0], chosen, *address[2:]), wording)
            sockets.append(one)
        bound.pop_all()
        return sockets


def _addresses(
    host: str, port: int, wording: Wording
) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise ListenError(f"cannot listen on {host}: {error}; give {wording.host}") from error
    return list(dict.fromkeys((family, address) for family, *_, address in found))  # type: ignore[misc]


def _bind(one: socket.socket, address: tuple[str | int, ...], wording: Wording) -> None:
    try:
        one.bind(address)
    except OSError as error:
        host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
        remedy = _REMEDIES.get(error.errno or 0, f"cannot be used: {error.strerror}")
        told = remedy.format(host=wording.host, port=wording.port, free=wording.free)
        raise ListenError(f"{host}:{address[1]} {told}") from error
