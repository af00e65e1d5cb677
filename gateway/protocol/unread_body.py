"""UnreadBody: an answer that comes before the end of its request's body ends the connection.

No request can follow on such a connection, and a body may be sent for ever, a byte at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.protocol.asgi import App, Message, Receive, Scope, Send
from gateway.protocol.headers import Headers, header

PATIENCE_S = 0.5
"""Seconds without data after which the rest of a body is not waited for."""

LONGEST_S = 10.0
"""Seconds for which the rest of a body is read, and thrown away, before the answer. Many clients
send all of a body before they read: a connection that closes earlier costs them the answer."""

HURRIED_S = 0.2
"""Seconds of both where the gateway is about to end."""


class UnreadBody:
    """Closes connections whose request's body the application has not read to the end.

    ``hurried`` tells whether there is no time to wait for much of a body.
    """

    def __init__(self, app: App, hurried: Callable[[], bool] = lambda: False) -> None:
        self._app = app
        self._hurried = hurried

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if scope["type"] != "http" or not _has_body(scope["headers"]):
            return self._app(scope, receive, send)
        exchange = _Exchange(scope, receive, send, self._hurried)
        return self._app(scope, exchange.read, exchange.answer)


class _Exchange:
    """One request with a body, and its answer. Closures would take twice the memory."""

    __slots__ = ("_ended", "_hurried", "_receive", "_scope", "_send")

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, hurried: Callable[[], bool]
    ) -> None:
        self._scope, self._receive, self._send, self._hurried = scope, receive, send, hurried
        self._ended = False

    async def read(self) -> Message:
        """The next part of the body."""
        message = await self._receive()
        if not message.get("more_body"):  # a disconnect has no more body either
            self._ended = True
        return message

    async def answer(self, message: Message) -> None:
        """Send a part of the answer."""
        if not self._ended and message["type"] == "http.response.start":
            if not header(self._scope["headers"], b"expect"):  # reading would ask for the body
                await self._read_rest()
            if not self._ended:
                closing = (b"connection", b"close")
                message = {**message, "headers": [*message["headers"], closing]}
        await self._send(message)

    async def _read_rest(self) -> None:
        hurried = self._hurried()
        try:
            async with asyncio.timeout(HURRIED_S if hurried else LONGEST_S):
                while True:
                    async with asyncio.timeout(HURRIED_S if hurried else PATIENCE_S):
                        message = await self.read()
                    if not message.get("more_body"):
                        return
        except TimeoutError:
            pass


def _has_body(headers: Headers) -> bool:
    return header(headers, b"content-length") not in {"", "0"} or bool(
        header(headers, b"transfer-encoding")
    )
