"""Twins: two URLs of one server, which would get twice the requests that it has room for."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import combinations

from gateway.config.workers import WorkerConfig
from gateway.workers.addresses import plain

RESOLVE_S = 2.0
"""Seconds until an attempt to resolve a host has failed. A host without addresses has no twins."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Two workers whose URLs lead to the same address and port."""

    first: str
    second: str
    certain: bool
    """Whether they are one server: one of them is the address itself, or ``localhost``.

    Two names of one address may be two servers behind one proxy, also on this machine.
    """


@dataclass(frozen=True, slots=True)
class _Place:
    id: str
    service: tuple[str, int | None, str]
    """Scheme, port and path."""
    literal: bool
    local: bool
    """Whether the host is ``localhost``."""
    addresses: frozenset[str]


async def find_twins(workers: Sequence[WorkerConfig]) -> list[Twins]:
    """Each pair of workers with an address in common."""
    places = await asyncio.gather(*map(_place, workers))
    return [
        Twins(one.id, other.id, certain=_certain(one, other))
        for one, other in combinations(places, 2)
        if one.id != other.id and one.service == other.service and one.addresses & other.addresses
    ]


def dropped(workers: Sequence[str], found: Sequence[Twins]) -> dict[str, str]:
    """The workers that another name of their server stands for -> that name, which is kept.

    Of a group, the name is kept that is certain to be one server with most others, such as
    ``localhost`` of 127.0.0.1 and [::1], which need not be one; of equal ones the last.
    """
    others = defaultdict[str, set[str]](set)
    for twins in found:
        if twins.certain:
            others[twins.first].add(twins.second)
            others[twins.second].add(twins.first)
    kept_for: dict[str, str] = {}
    order = {name: place for place, name in enumerate(workers)}
    for kept in sorted(workers, key=lambda name: (-len(others[name]), -order[name])):
        if kept not in kept_for:
            kept_for.update((other, kept) for other in others[kept] if other not in kept_for)
    return kept_for


def _certain(one: _Place, other: _Place) -> bool:
    common = one.addresses & other.addresses
    if all(ip_address(address).is_loopback for address in common):
        return one.literal or other.literal or one.local or other.local
    return (one.literal or other.literal) and one.addresses == other.addresses


async def _place(worker: WorkerConfig) -> _Place:
    url = worker.url
    host = (url.host or "").strip("[]")
    service = (url.scheme, url.port, url.path or "")
    try:
        address = plain(str(ip_address(host)))
    except ValueError:
        local = host.lower().rstrip(".") == "localhost"
        return _Place(worker.shown_url, service, False, local, await _addresses(host))
    return _Place(worker.shown_url, service, True, False, frozenset((address,)))


async def _addresses(host: str) -> frozenset[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a TimeoutError is an OSError
        return frozenset()
    return frozenset(str(entry[4][0]) for entry in found if "%" not in str(entry[4][0]))
