"""Front: what holds for every request before its path is looked at."""

from __future__ import annotations

from collections.abc import Awaitable

from gateway.protocol.asgi import App, Receive, Scope, Send, is_own


class Front:
    """Takes a path with a slash at its end for the path without, and HEAD of an own page for GET.

    vLLM redirects the first to its own address, which clients may not reach, and a load balancer
    that asks for HEAD /health gets 405 there. The server leaves out the body of an answer to HEAD.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if scope["type"] == "http":
            path = scope["path"].rstrip("/") or "/"
            if path != scope["path"]:
                raw = (scope.get("raw_path") or scope["path"].encode()).rstrip(b"/")
                scope = {**scope, "path": path, "raw_path": raw}
            if scope["method"] == "HEAD" and is_own(path):
                scope = {**scope, "method": "GET"}
        return self._app(scope, receive, send)
