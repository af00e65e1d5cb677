"""Upgrades: a client's offer to change the protocol, which the gateway ignores as HTTP allows.

Java's HTTP client offers HTTP/2 (``Upgrade: h2c``) with each request. httptools takes the bytes
after the headers of such a request for the other protocol's: uvicorn would lose the body.
"""

from __future__ import annotations

from typing import Any

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class _Parser:
    """httptools' parser, which reads a request with an offer as if it had none.

    There is none between two requests: it takes 1.3 KB, and 0.3 microseconds to make.
    """

    __slots__ = ("_parser", "_protocol")

    def __init__(self, protocol: WithoutOffers) -> None:
        self._protocol = protocol
        self._parser: Any = protocol.parser

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def rest(self) -> None:
        """Note that a whole request has been read, and nothing beyond it."""
        if self._parser is not None and self._parser.should_keep_alive():
            self._parser = None  # after a request that closes, the same one must go on

    def feed_data(self, data: bytes) -> None:
        """Parse the data."""
        while data:
            if self._parser is None:
                self._parser = HttpRequestParser(self._protocol)
            try:
                self._parser.feed_data(data)
                return
            except HttpParserUpgrade as offer:
                if self._parser.get_method() == b"CONNECT":
                    raise
                data = self._protocol.without_offer() + data[offer.args[0] :]
                # After a request with Connection: close the old one reads nothing more.
                self._parser = HttpRequestParser(self._protocol)


class WithoutOffers(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which serves a request with an offer as a plain one."""

    __slots__ = ()

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.parser = _Parser(self)  # type: ignore[assignment]

    def on_headers_complete(self) -> None:
        """Begin the request, unless it comes again without its offer."""
        if not self._offered():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the request, unless it comes again without its offer."""
        if not self._offered():
            super().on_message_complete()

    def _offered(self) -> bool:
        return bool(self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT")

    def without_offer(self) -> bytes:
        """Request line and headers of the present request without ``Upgrade``."""
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])
