"""The errors for requests that break a bound of the listener, before any application sees them."""

from __future__ import annotations

import re

from gateway.config.listen import Listen
from gateway.protocol.errors import ApiError
from gateway.protocol.routes import NEVER, RELAYED

_LINE = re.compile(rb"(?:^|\n)([A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}) [^ \r\n]+ HTTP/1\.[01]\r?\n")
"""A request's line, and its method."""


def no_method(data: bytes) -> ApiError:
    """The error for bytes that begin a request, perhaps after others, with no known method."""
    methods = (match[1].decode() for match in _LINE.finditer(data))
    unknown = next((name for name in methods if name not in (*RELAYED, *NEVER)), None)
    return invalid_http() if unknown is None else unknown_method(unknown)


def invalid_http() -> ApiError:
    """The error for bytes that are no HTTP/1.1 request."""
    return ApiError(
        400,
        "This is not a valid HTTP/1.1 request. Send one, by plain HTTP: the gateway speaks neither "
        "TLS nor HTTP/2.",
        code="invalid_http",
    )


def unknown_method(method: str) -> ApiError:
    """The error for a request with a method that HTTP does not have."""
    methods = ", ".join(RELAYED)
    return ApiError(
        501,
        f"{method} is no method of HTTP. Send one of {methods}, in capital letters.",
        code="not_found",
    )


def headers_too_large(listen: Listen) -> ApiError:
    """The error for too many bytes of headers, or of trailers."""
    return ApiError(
        431,
        f"The request's line and headers have more than {listen.max_header_bytes} bytes "
        "(listen.max_header_bytes). Send fewer, such as a shorter cookie, or raise the setting.",
        code="headers_too_large",
    )


def too_many_headers(listen: Listen) -> ApiError:
    """The error for too many headers."""
    return ApiError(
        431,
        f"The request has more than {listen.max_headers} headers (listen.max_headers). Send fewer, "
        "or raise the setting.",
        code="headers_too_large",
    )


def url_too_long(listen: Listen) -> ApiError:
    """The error for a path and query that are too long."""
    return ApiError(
        414,
        f"The path and query have more than {listen.max_url_bytes} bytes (listen.max_url_bytes). "
        "Put the text into the body, or raise the setting.",
        code="url_too_long",
    )


def header_timeout(listen: Listen) -> ApiError:
    """The error for headers that did not come in time."""
    return ApiError(
        408,
        f"The headers were not complete within {listen.header_timeout_s:g} s "
        "(listen.header_timeout_s). Send them faster, or raise the setting.",
        code="header_timeout",
    )


def too_many_connections(most: int) -> ApiError:
    """The error for one connection too many."""
    return ApiError(
        503,
        f"{most} connections are open (listen.max_connections), and more are not accepted. Try "
        "again later, or raise the setting and the limit on descriptors (ulimit -n).",
        code="too_many_connections",
        retry_after=1,
    )


def too_many_of_address(most: int) -> ApiError:
    """The error for one connection too many from an address."""
    return ApiError(
        503,
        f"{most} connections from your address are open (listen.max_connections_per_address). Use "
        "fewer connections for more requests each, or raise the setting.",
        code="too_many_connections",
        retry_after=1,
    )
