"""The errors for requests that break a bound of the listener, before any application sees them."""

from __future__ import annotations

from gateway.config.listen import Listen
from gateway.protocol.errors import ApiError


def invalid_http() -> ApiError:
    """The error for bytes that are no HTTP/1.1 request."""
    return ApiError(
        400,
        "This is not a valid HTTP/1.1 request. Send one, by plain HTTP: the gateway speaks neither "
        "TLS nor HTTP/2.",
        code="invalid_http",
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
