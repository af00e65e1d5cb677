"""Headers: the client's headers that go to a worker, and the worker's that go to the client."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]
"""Names and values as ASGI and aiohttp give them."""

_HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("trailer", "transfer-encoding", "upgrade", "host", "content-length"),
    )
)
"""Headers of one connection (RFC 9110, 7.6.1), and the two that the HTTP client writes itself."""

_GATEWAYS_OWN = frozenset(("accept-encoding", "expect", "x-vllm-priority", "x-request-id"))
"""Request headers that the gateway sets or removes. With a client's x-vllm-priority vLLM would
ignore the scheduler's priority."""

_NOT_FORWARDED = _HOP_BY_HOP | _GATEWAYS_OWN
_NOT_RETURNED = _HOP_BY_HOP | {"server", "date", "x-request-id"}


def forwarded(headers: Headers, request_id: str) -> dict[str, str]:
    """The client's headers for a worker, with the request's id in ``X-Request-Id``."""
    kept = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if name.decode("latin-1").lower() not in _NOT_FORWARDED
    }
    # The gateway reads the answers, so a worker must not compress them.
    return {**kept, "Accept-Encoding": "identity", "X-Request-Id": request_id}


def returned(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The worker's headers for the client; the gateway adds its own server, date and request id."""
    return [pair for pair in headers if pair[0].decode().lower() not in _NOT_RETURNED]


def without_buffering(headers: Headers) -> Headers:
    """The headers of a stream that no proxy between gateway and client may hold back."""
    kept = [pair for pair in headers if pair[0].lower() != b"cache-control"]
    return [*kept, (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


def header(headers: Headers, name: bytes) -> str:
    """The first value of a header, "" without one. ``name`` is in lower case, as in ASGI."""
    return next((value.decode("latin-1") for key, value in headers if key == name), "")
