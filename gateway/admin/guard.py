"""Guard: who may use the operators' listener."""

from __future__ import annotations

from hmac import compare_digest

from gateway.admin.errors import AdminError
from gateway.config.admin import Admin, is_loopback
from gateway.protocol.asgi import App, Receive, Scope, Send
from gateway.protocol.headers import Headers, header

OPEN = {"/health", "/ready", "/dashboard"}
"""Paths that need no token: probes of balancers and of Kubernetes send none, nor does a browser
for a page. The page's files tell nothing of this gateway; what they ask for needs the token."""

SAME = {"", "none", "same-origin"}
"""The header Sec-Fetch-Site of programs, of a person's own navigation, and of the live page."""

OPERATOR = "lengthwise.operator"
"""Key of a request's scope: whether it comes from one who may see everything."""


class Guard:
    """Asks for the token where one is set, and keeps web pages out where none is.

    A page in the browser of somebody on this machine can send requests to 127.0.0.1 too. Its
    requests have the header Origin, or, with a name that the page has pointed to 127.0.0.1, that
    name as their Host. A browser reaches a Unix socket only through somebody's tunnel, which may
    have any name.
    """

    def __init__(self, app: App, settings: Admin) -> None:
        self._app = app
        self._on_path = settings.path is not None
        token = settings.token
        self._token = None if token is None else token.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None and not _is_open(scope["path"]):
                await refusal.response()(scope, receive, send)
                return
            scope = {**scope, OPERATOR: refusal is None}
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> AdminError | None:
        headers: Headers = scope["headers"]
        if self._on_path:
            return None if _of_no_other_page(headers) else _web_page_refused()
        if self._token is None:
            return of_a_web_page(headers)
        scheme, _, given = header(headers, b"authorization").partition(" ")
        right = compare_digest(given.strip().encode("latin-1"), self._token)
        if right and scheme.lower() == "bearer":
            return None
        return AdminError(
            401,
            "invalid_token",
            "The admin listener needs the header Authorization: Bearer TOKEN, with the token of "
            "admin.token. The commands read it from LENGTHWISE_ADMIN_TOKEN, or from --config.",
        )


def of_a_web_page(headers: Headers) -> AdminError | None:
    """The refusal of a request that a web page in a browser of this machine may have sent."""
    host = header(headers, b"host").strip()
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    if _of_no_other_page(headers) and "%" not in name and is_loopback(name.strip("[]")):
        return None
    return _web_page_refused()


def _of_no_other_page(headers: Headers) -> bool:
    """Whether a request is a program's or the live page's own, which is only to read."""
    of_page = any(one.lower() == b"origin" for one, _ in headers)
    return not of_page and header(headers, b"sec-fetch-site").strip() in SAME


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/dashboard/")


def _web_page_refused() -> AdminError:
    return AdminError(
        403,
        "web_page_refused",
        "Without admin.token the admin listener answers only requests to localhost, 127.0.0.1 or "
        "[::1], and none of a web page but its own.",
    )
