"""Destinations: workers as Envoy names them, ip:port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from gateway.picker.answers import METADATA
from gateway.protocol.errors import ApiError

SUBSET = "x-gateway-destination-endpoint-subset"
"""Field of the filter metadata that names the endpoints among which to pick."""

_NAMESPACES = (f"{METADATA}.subset_hint", METADATA)
_PORTS = {"http": 80, "https": 443}


def subset_hint(metadata: Any) -> frozenset[str] | None:
    """The endpoints (ip:port) that a request's filter metadata allows; None: every one.

    Envoy's data planes write a list, or one text with commas.
    """
    for name in _NAMESPACES:
        if name not in metadata.filter_metadata:
            continue
        fields = metadata.filter_metadata[name].fields
        if SUBSET in fields:
            return frozenset(_texts(fields[SUBSET]))
    return None


def _texts(value: Any) -> Iterator[str]:
    values = value.list_value.values if value.HasField("list_value") else [value]
    for one in values:
        yield from (part.strip() for part in one.string_value.split(",") if part.strip())


def address(url: str) -> tuple[str, int]:
    """Host and port of a worker's URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)


def as_text(host: str, port: int) -> str:
    """An IP address and a port as Envoy reads them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def destination(url: str) -> str:
    """The ip:port of a worker's URL; a name is looked up, since Envoy takes addresses alone.

    Raises:
        FAILURES: the name has no address.
    """
    host, port = address(url)
    if is_ip(host):
        return as_text(host, port)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise aiohttp.ClientConnectionError(f"no address of {host}: {error}") from error
    return as_text(str(found[0][4][0]), port)


def is_ip(host: str) -> bool:
    """Whether a host is an IP address, no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def allowed(hint: frozenset[str] | None, workers: Sequence[str]) -> frozenset[str]:
    """The workers (URLs) that a subset hint allows; none where there is no hint.

    Raises:
        ApiError: 503, none of them is a worker.
    """
    if hint is None:
        return frozenset()
    found = frozenset(url for url in workers if as_text(*address(url)) in hint)
    if not found:
        shown = ", ".join(sorted(hint)[:5]) or "none"
        raise ApiError(
            503,
            f"No worker is among the endpoints that the data plane allows ({SUBSET}: {shown}). "
            "Give the picker the same workers as the pool, by their IP addresses.",
            code="no_healthy_worker",
            retry_after=1,
        )
    return found
