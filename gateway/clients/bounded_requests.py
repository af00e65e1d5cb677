"""BoundedRequests: how uvicorn's HTTP/1.1 reads requests, within bounds.

httptools and uvicorn bound neither headers nor pipelined requests.
"""

from __future__ import annotations

import logging
from sys import intern
from typing import Any, TypeVar

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.clients.connections import Connections
from gateway.clients.fate import FATE, Fate
from gateway.clients.lean import LeanEvent, LeanQueue
from gateway.clients.listen_errors import (
    headers_too_large,
    invalid_http,
    no_method,
    too_many_headers,
    url_too_long,
)
from gateway.clients.upgrades import WithoutOffers
from gateway.config.listen import Listen
from gateway.protocol.errors import ApiError

log = logging.getLogger("lengthwise")

MOST_AHEAD = 65_536
"""Bytes that may come on a connection while a whole request before them is not answered."""


_Port = TypeVar("_Port", int, int | None)


def _shared(address: tuple[str, _Port] | None) -> tuple[str, _Port] | None:
    """An address whose host is one string for all connections from there."""
    return address and (intern(address[0]), address[1])


class TooFarAhead(Exception):
    """The client sends further requests than are kept, or no HTTP/1.1 after a tunnel's request."""


class BoundedRequests(WithoutOffers):
    """Reads one client's requests. ``parse`` raises what breaks a bound.

    The attributes of this class have slots: with those of uvicorn they are more than the 30 that
    Python keeps without a dictionary of 1.5 KB for each connection.
    """

    __slots__ = ("_ahead", "_all", "_fate", "_in_headers", "_running", "_unused", "address")

    def __init__(self, *args: Any, connections: Connections, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._all = connections
        self._fate = Fate()
        self._running: RequestResponseCycle | None = None
        """The request that the application has; later ones are in ``pipeline``."""
        self._in_headers = False
        self._unused = 0
        """Bytes since the last that belonged to a body or ended a request's headers."""
        self._ahead = 0
        """Bytes that came while a whole request before them was not answered."""
        self.address = ""
        self.url = b""
        self.pipeline = LeanQueue()  # type: ignore[assignment]

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(transport)
        self.server, self.client = _shared(self.server), _shared(self.client)
        self.flow._is_writable_event = LeanEvent(is_set=True)  # type: ignore[assignment]

    @property
    def _listen(self) -> Listen:
        """The bounds in force."""
        return self._all.listen

    @property
    def _waiting(self) -> bool:
        """Whether a request waits for its answer."""
        return self._running is not None and not self._running.response_complete

    def _parse(self, data: bytes) -> None:
        """Parse what the client sends.

        Raises:
            ApiError: the request breaks a bound, or is none.
            TooFarAhead: nothing more is to be read.
        """
        self._unused += len(data)
        if self._running is not None and not self._running.more_body:
            self._ahead += len(data)
            if self._ahead > MOST_AHEAD:
                raise TooFarAhead
        self._feed(data)
        if not self._in_headers and self.cycle is not None and not self.cycle.more_body:
            self.parser.rest()  # type: ignore[attr-defined]
        if self._unused > self._listen.max_header_bytes:
            raise self._too_large()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:  # CONNECT, which the application refuses
            raise TooFarAhead from None
        except HttpParserInvalidMethodError:
            raise no_method(data) from None
        except HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, ApiError | TooFarAhead):
                raise cause from None
            # uvicorn raises AttributeError for a URL without a path.
            if not isinstance(cause, HttpParserError | UnicodeError | AttributeError | None):
                log.error("a bug in reading requests; report it", exc_info=cause)
            raise invalid_http() from None

    def on_message_begin(self) -> None:
        """Begin a request, unless too many wait already."""
        if self._waiting and len(self.pipeline) >= self._listen.max_pipelined:
            raise TooFarAhead
        self._in_headers = True
        super().on_message_begin()
        self.scope[FATE] = self._fate  # type: ignore[literal-required]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. The trailers after a body are no part of the request."""
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request, or let it wait for the one before."""
        self._check_headers()
        self._in_headers, self._unused = False, 0
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is before:  # it comes again, without its offer
            return
        self.cycle.message_event = LeanEvent()  # type: ignore[assignment]
        if self.pipeline and self.pipeline[0][0] is self.cycle:
            self.flow.resume_reading()
        else:
            self._running = self.cycle
            self._came(whole=False)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._unused = 0
        super().on_body(body)
        if self.cycle is not self._running:
            self.flow.resume_reading()

    def on_message_complete(self) -> None:
        """End a request."""
        self._unused = 0
        super().on_message_complete()
        if self.cycle is self._running:
            self._came(whole=True)

    def _came(self, *, whole: bool) -> None:
        """The headers of the request for the application have come, or the ``whole`` of it."""

    def _check_headers(self) -> None:
        listen = self._listen
        if len(self.url) > listen.max_url_bytes:
            raise url_too_long(listen)
        if len(self.headers) > listen.max_headers:
            raise too_many_headers(listen)
        size = sum([len(name) + len(value) + 4 for name, value in self.headers])
        if size + len(self.url) > listen.max_header_bytes:
            raise headers_too_large(listen)

    def _too_large(self) -> ApiError:
        too_long = self._in_headers and len(self.url) > self._listen.max_url_bytes
        return (url_too_long if too_long else headers_too_large)(self._listen)
