"""Headers: the client's headers that go to a worker, and the worker's that go to the client."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from multidict import CIMultiDict

Headers = list[tuple[bytes, bytes]]
"""Names and values as ASGI and aiohttp give them."""

_HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("proxy-connection", "trailer", "transfer-encoding", "upgrade", "http2-settings"),
        *("host", "content-length"),
    )
)
"""Headers of one connection (RFC 9110, 7.6.1), and the two that the HTTP client writes itself."""

KEYS = ("authorization", "x-api-key", "api-key")
"""Headers in which clients of OpenAI, Anthropic and Azure send their keys."""

CREDENTIALS = (*KEYS, "cookie")
"""Headers that prove who a client is. A worker gets them only where it is configured to."""

_GATEWAYS_OWN = frozenset(
    (
        *("accept-encoding", "expect", "x-lengthwise-debug", "x-lengthwise-position"),
        *("x-vllm-priority", "x-request-id"),
    )
)
"""Request headers that the gateway sets or removes. With a client's x-vllm-priority vLLM would
ignore the scheduler's priority."""

_NOT_FORWARDED = _HOP_BY_HOP | _GATEWAYS_OWN
_NOT_RETURNED = _HOP_BY_HOP | {"server", "date", "x-request-id"}

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""Bytes that no header's value may hold (RFC 9110, 5.5)."""


def forwarded(headers: Headers, request_id: str) -> CIMultiDict[str]:
    """The client's headers for a worker, in order and with repeats.

    The request's id, which is text as ``header`` gives it, is their ``X-Request-Id``.
    """
    kept = _kept(headers, _NOT_FORWARDED)
    pairs = CIMultiDict((name.decode("latin-1"), _text(value)) for name, value in kept)
    # The gateway reads the answers, so a worker must not compress them.
    pairs["Accept-Encoding"] = "identity"
    pairs["X-Request-Id"] = _text(request_id.encode("latin-1"))
    return pairs


def returned(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The worker's headers for the client; the gateway adds its own server, date and request id."""
    kept = _kept(list(headers), _NOT_RETURNED)
    # uvicorn refuses a value with such a byte, and with it the whole answer.
    return [(name, value) for name, value in kept if not _FORBIDDEN.search(value)]


def _kept(headers: Headers, dropped: frozenset[str]) -> Headers:
    """The headers without ``dropped`` and without those that ``Connection`` names."""
    named = {
        option.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for option in value.decode("latin-1").split(",")
    }
    leave_out = dropped | named
    return [pair for pair in headers if pair[0].decode("latin-1").lower() not in leave_out]


def _text(value: bytes) -> str:
    """A value as the text that the HTTP client writes as these bytes: it writes UTF-8.

    Bytes that are not UTF-8 become surrogates, which ``gateway.workers.exact_request`` writes.
    """
    return value.decode("utf-8", "surrogateescape")


def without_buffering(headers: Headers) -> Headers:
    """The headers of a stream that no proxy between gateway and client may hold back."""
    kept = [pair for pair in headers if pair[0].lower() != b"cache-control"]
    return [*kept, (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


def header(headers: Headers, name: bytes) -> str:
    """The first value of a header as latin-1, "" without one. ``name`` is in lower case, as in
    ASGI."""
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def first_values(headers: Mapping[str, str]) -> dict[str, str]:
    """The first value of each header, by its name in lower case, as a vLLM server reads them."""
    return {name.lower(): value for name, value in reversed(list(headers.items()))}
