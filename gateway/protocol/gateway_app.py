"""GatewayApp: FastAPI for the gateway's own pages, which relayed requests pass by.

The layers of FastAPI and Starlette are ten coroutines deep, and take 10 KB while a request waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI

from gateway.protocol.asgi import App, Receive, Scope, Send, is_relayed
from gateway.protocol.cors import Cors, Origins
from gateway.protocol.front import Front
from gateway.protocol.unread_body import UnreadBody


class GatewayApp(FastAPI):
    """The gateway as an ASGI application. Call ``relay`` once, before it serves."""

    def relay(self, endpoint: App, origins: Origins, hurried: Callable[[], bool]) -> None:
        """Give what is no page to ``endpoint``, past the layers where the table says so.

        ``origins`` and ``hurried`` hold for both.
        """
        pages: App = super().__call__

        def chosen(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            relayed = scope["type"] == "http" and is_relayed(scope["path"])
            return (endpoint if relayed else pages)(scope, receive, send)

        self.mount("/", endpoint)  # also what no page answers, such as POST /health
        self._whole = UnreadBody(Front(Cors(chosen, origins)), hurried)

    def __call__(  # type: ignore[override]
        self, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Serve one request. A coroutine of its own would stay for as long as the request."""
        return self._whole(scope, receive, send)
