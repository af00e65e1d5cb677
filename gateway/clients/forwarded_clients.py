"""ForwardedClients: who the client is where a trusted proxy says so, as uvicorn reads it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from gateway.protocol.asgi import App, Scope

_PREFIX = b"x-forwarded-"


class ForwardedClients(ProxyHeadersMiddleware):
    """uvicorn's reading of ``X-Forwarded-For`` and ``-Proto``.

    A request without them passes without a coroutine of its own, which would stay as long as the
    request.
    """

    def __init__(self, app: App, trusted: list[str] | str) -> None:
        super().__init__(cast("Any", app), trusted)
        self._app = app

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:  # type: ignore[override]
        """Serve one request."""
        if _says_who(scope):
            return super().__call__(scope, receive, send)
        return self._app(scope, receive, send)


def _says_who(scope: Scope) -> bool:
    return any(name.startswith(_PREFIX) for name, _ in scope.get("headers", ()))
