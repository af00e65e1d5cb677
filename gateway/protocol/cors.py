"""Cors: who may read the answers in a browser. Each answer has one owner of these headers."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from gateway.protocol.asgi import OWN_ANSWER, App, Message, Receive, Scope, Send, is_own
from gateway.protocol.headers import Headers, header

_PRIVATE = frozenset(("/ready", "/metrics"))
"""Pages about the deployment: any web page could read them from its visitor's network."""

_PREFIX = b"access-control-"
_METHODS = b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
_EXPOSED = b"X-Request-Id, Retry-After, X-Workers-Not-Asked, " + b", ".join(
    b"X-RateLimit-%s-%s" % (what, unit)
    for unit in (b"Requests", b"Tokens")
    for what in (b"Limit", b"Remaining", b"Reset")
)
_REMEMBERED_S = b"600"


class Origins:
    """Whose pages may read the answers; None: the workers decide."""

    def __init__(self, origins: Sequence[str] | None = None, *, credentials: bool = False) -> None:
        self.apply(origins, credentials=credentials)

    def apply(self, origins: Sequence[str] | None, *, credentials: bool) -> None:
        """Take other origins, for requests that come from now on."""
        self.allowed = None if origins is None else frozenset(map(str.encode, origins))
        self.credentials = credentials


class Cors:
    """Adds the headers of cross-origin requests.

    With ``origins`` the gateway owns them on all answers, and a worker's are dropped. Without, a
    worker's pass on its answers, and every origin may read the gateway's own answers, as vLLM's do
    by default, except the pages about the deployment.
    """

    def __init__(self, app: App, origins: Origins) -> None:
        self._app = app
        self._settings = origins

    @property
    def _origins(self) -> frozenset[bytes] | None:
        return self._settings.allowed

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        headers: Headers = scope["headers"] if scope["type"] == "http" else []
        origin = header(headers, b"origin").encode("latin-1")
        if not origin:
            return self._app(scope, receive, self._varying(send))
        asks = any(name == b"access-control-request-method" for name, _ in headers)
        preflight = _preflight(headers) if asks and scope["method"] == "OPTIONS" else []
        path = scope["path"]
        if preflight and (self._origins is not None or (is_own(path) and path not in _PRIVATE)):
            return _answer(send, [*self._allowed(origin), *preflight])
        return self._app(scope, receive, self._answering(path, origin, preflight, send))

    def _varying(self, send: Send) -> Send:
        """``send`` for a request of no page: no cache may give its answer to a page."""
        if self._origins is None or b"*" in self._origins:
            return send

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"vary", b"Origin")]}
            await send(message)

        return answer

    def _answering(self, path: str, origin: bytes, preflight: Headers, send: Send) -> Send:
        """``send`` for one request, which puts the headers into the start of the answer."""
        refused = False  # the gateway answers an error to a preflight that a worker should answer

        async def answer(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                own = bool(message.get(OWN_ANSWER)) or is_own(path)
                refused = own and bool(preflight) and path not in _PRIVATE
                message = self._begun(message, path, origin, own=own)
                if refused:
                    message = _start(200, [*self._allowed(origin), *preflight])
            elif refused:
                message = {**message, "body": b""}
            await send(message)

        return answer

    def _begun(self, message: Message, path: str, origin: bytes, *, own: bool) -> Message:
        """The start of an answer with the headers of its owner."""
        headers: Headers = list(message["headers"])
        if self._origins is not None:
            headers = [pair for pair in headers if not pair[0].lower().startswith(_PREFIX)]
        elif not own or path in _PRIVATE:
            return message
        return {**message, "headers": [*headers, *self._allowed(origin)]}

    def _allowed(self, origin: bytes) -> Headers:
        """The headers that let pages of ``origin`` read an answer, if they may."""
        exposed = (_PREFIX + b"expose-headers", _EXPOSED)
        if self._origins is None or b"*" in self._origins:
            return [(_PREFIX + b"allow-origin", b"*"), exposed]
        if origin not in self._origins:
            return [(b"vary", b"Origin")]
        headers = [(_PREFIX + b"allow-origin", origin), (b"vary", b"Origin"), exposed]
        if self._settings.credentials:
            headers.append((_PREFIX + b"allow-credentials", b"true"))
        return headers


async def _answer(send: Send, headers: Headers) -> None:
    await send(_start(200, headers))
    await send({"type": "http.response.body"})


def _start(status: int, headers: Headers) -> Message:
    headers = [*headers, (b"content-length", b"0")]
    return {"type": "http.response.start", "status": status, "headers": headers}


def _preflight(headers: Headers) -> Headers:
    """What a preflight is told beside the origin: every method, and the headers that it names."""
    wanted = header(headers, b"access-control-request-headers").encode("latin-1")
    return [
        (_PREFIX + b"allow-methods", _METHODS),
        (_PREFIX + b"max-age", _REMEMBERED_S),
        *([(_PREFIX + b"allow-headers", wanted)] if wanted else []),
    ]
