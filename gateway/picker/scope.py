"""A request of Envoy's as an ASGI scope, so that the gateway's own application answers it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from gateway.protocol.asgi import Scope
from gateway.protocol.headers import Headers
from gateway.workers.answer import CARRIER, Carrier


def header_pairs(headers: Any) -> Headers:
    """Names in lower case and values of a ``HeaderMap``; Envoy fills one of two fields."""
    return [
        (one.key.lower().encode("latin-1"), one.raw_value or one.value.encode())
        for one in headers.headers
    ]


def scope_of(headers: Any, carrier: Carrier) -> Scope:
    """The ASGI scope of a ``HeaderMap``, with the ``carrier`` that brings the request on."""
    pairs = header_pairs(headers)
    pseudo = {name: value for name, value in pairs if name.startswith(b":")}
    plain = [pair for pair in pairs if not pair[0].startswith(b":")]
    path, _, query = pseudo.get(b":path", b"/").partition(b"?")
    host = pseudo.get(b":authority", b"")
    if all(name != b"host" for name, _ in plain):
        plain.append((b"host", host))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": pseudo.get(b":method", b"GET").decode("latin-1").upper(),
        "scheme": pseudo.get(b":scheme", b"http").decode("latin-1"),
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": plain,
        "client": _client(plain),
        "server": None,
        "extensions": {},
        CARRIER: carrier,
    }


def _client(headers: Headers) -> tuple[str, int] | None:
    """The client's address as Envoy tells it: the last one of X-Forwarded-For."""
    values = [value for name, value in headers if name == b"x-forwarded-for"]
    last = values[-1].rpartition(b",")[2].strip().decode("latin-1") if values else ""
    return (last, 0) if last else None
