"""Addresses of a name: a server that listens on IPv4 and on IPv6 is one worker, not two."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv6Address

CONNECT_TIMEOUT_S = 1.0
"""Seconds until an attempt to connect has failed."""


@dataclass(slots=True)
class Resolver:
    """Resolves names. Of a name with both families it answers with one, and stays with it."""

    _seen: frozenset[str] = frozenset()
    _chosen: list[str] = field(default_factory=list)

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a name, sorted; those of one family if the name has both.

        A dual-stack name has each of its servers in both families. The family counts in which more
        addresses take a connection, else the one of more addresses, else IPv4.

        Raises:
            OSError: the name does not resolve.
            UnicodeError: it is no name.
        """
        loop = asyncio.get_running_loop()
        entries = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = frozenset(plain(str(entry[4][0])) for entry in entries)
        if found != self._seen:
            self._chosen, answered = await _one_family(found, port)
            self._seen = found if answered else frozenset()  # a server that loads decides later
        return self._chosen


async def _one_family(addresses: frozenset[str], port: int) -> tuple[list[str], bool]:
    """The addresses of one family, and whether the choice is final."""
    new = sorted(address for address in addresses if ":" in address)
    old = sorted(addresses.difference(new))
    if not (new and old):
        return old or new, True
    ranks = await _rank(old, port), await _rank(new, port)
    return new if ranks[1] > ranks[0] else old, max(ranks)[0] > 0


async def _rank(addresses: list[str], port: int) -> tuple[int, int]:
    answers = await asyncio.gather(*(_connects(address, port) for address in addresses))
    return sum(answers), len(addresses)


async def _connects(address: str, port: int) -> bool:
    with suppress(OSError):  # a TimeoutError is an OSError
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(address, port)
        writer.close()
        return True
    return False


def plain(address: str) -> str:
    """An IPv4 address that is written as IPv6 (::ffff:10.0.0.1), as IPv4."""
    with suppress(ValueError):
        mapped = IPv6Address(address).ipv4_mapped
        if mapped is not None:
            return str(mapped)
    return address
