"""The live page as ASGI routes, for the operators' listener and for the clients'."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.admin.dashboard.files import SAFE, page_file
from gateway.admin.dashboard.viewers import Viewer, Viewers
from gateway.admin.errors import AdminError, answer_error
from gateway.admin.guard import of_a_web_page
from gateway.protocol.asgi import App, Receive, Scope, Send

PAGE, FILES, EVENTS = "/dashboard", "/dashboard/{name}", "/admin/events"

FORWARDED = {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"}
"""Headers of a proxy: whoever it lets through may be anywhere."""


def dashboard_routes(viewers: Viewers, *, lasting: bool = True) -> list[Route]:
    """Page, files and events; ``lasting``: also while the gateway drains."""
    return [
        Route(PAGE, _file, methods=["GET"]),
        Route(FILES, _file, methods=["GET"]),
        Route(EVENTS, _Events(viewers, lasting=lasting), methods=["GET"]),
    ]


def local_routes(viewers: Viewers, on: Callable[[], bool]) -> list[Route]:
    """The same where clients come in, for those on this machine and while ``on``."""
    routes = dashboard_routes(viewers, lasting=False)
    for route in routes:
        route.app = LocalOnly(route.app, on)
    return routes


STREAM = {**SAFE, "content-type": "text/event-stream", "x-accel-buffering": "no"}
"""Headers of the events; the last one is for nginx, which would keep them back."""


class LocalOnly:
    """Passes requests that come from a browser or a program of this machine, while ``on``.

    Others get the answer of an address at which nothing is. The files of the page tell nothing.
    """

    def __init__(self, app: App, on: Callable[[], bool]) -> None:
        self._app = app
        self._on = on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        names = {name.lower() for name, _ in scope["headers"]}
        refusal = of_a_web_page(scope["headers"]) if scope["path"] == EVENTS else None
        if not self._on() or names & FORWARDED:
            refusal = AdminError(
                404,
                "not_found",
                "The live page is at /dashboard of admin.listen. Here it is for those on this "
                "machine, where the gateway listens on 127.0.0.1 and asks for no keys.",
            )
        await (refusal.response() if refusal else self._app)(scope, receive, send)


async def _file(request: Request) -> Response:
    try:
        content, headers = page_file(request.path_params.get("name", ""))
    except AdminError as error:
        return await answer_error(request, error)
    return Response(content, headers=headers)


class _Events:
    """The events of one viewer, until it leaves or is dropped."""

    def __init__(self, viewers: Viewers, *, lasting: bool) -> None:
        self._viewers = viewers
        self._lasting = lasting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] == "HEAD":
            await Response(headers=STREAM)(scope, receive, send)
            return
        try:
            with self._viewers.viewer(lasting=self._lasting) as viewer:
                sending = asyncio.create_task(_send_all(viewer, send), name="send to a viewer")
                gone = asyncio.create_task(_until_gone(receive), name="wait for a viewer's end")
                try:
                    await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (sending, gone):
                        task.cancel()
                    await asyncio.gather(sending, gone, return_exceptions=True)
        except AdminError as error:
            await error.response()(scope, receive, send)


async def _send_all(viewer: Viewer, send: Send) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in STREAM.items()]
    await send({"type": "http.response.start", "status": 200, "headers": pairs})
    while (event := await viewer.get()) is not None:
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
