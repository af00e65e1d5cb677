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
        ended = False

        async def read() -> Message:
            nonlocal ended
            message = await receive()
            ended = ended or not message.get("more_body")  # a disconnect has no more body either
            return message

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not ended:
                if not header(scope["headers"], b"expect"):  # reading would ask for the body
                    await self._read_rest(read)
                if not ended:
                    closing = (b"connection", b"close")
                    message = {**message, "headers": [*message["headers"], closing]}
            await send(message)

        return self._app(scope, read, answer)

    async def _read_rest(self, read: Receive) -> None:
        hurried = self._hurried()
        try:
            async with asyncio.timeout(HURRIED_S if hurried else LONGEST_S):
                while True:
                    async with asyncio.timeout(HURRIED_S if hurried else PATIENCE_S):
                        message = await read()
                    if not message.get("more_body"):
                        return
        except TimeoutError:
            pass


def _has_body(headers: Headers) -> bool:
    return header(headers, b"content-length") not in {"", "0"} or bool(
        header(headers, b"transfer-encoding")
    )
