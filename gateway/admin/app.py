"""The operators' application: its pages and endpoints, all as JSON but /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.admin.actions import asked_worker, drain, pause
from gateway.admin.dashboard.pages import EVENTS, FILES, PAGE, dashboard_routes, local_routes
from gateway.admin.dashboard.snapshot import Snapshots
from gateway.admin.dashboard.viewers import Viewers
from gateway.admin.errors import AdminError, answer_error
from gateway.admin.guard import OPERATOR, Guard
from gateway.admin.overview import overview
from gateway.admin.parts import Parts
from gateway.admin.ready import ready_state
from gateway.admin.requests import MOST_ROWS, queue_page, request_page, top_page
from gateway.config.admin import Admin, is_loopback
from gateway.config.settings import Config
from gateway.telemetry.exposition import exposition

Handler = Callable[[Request, Parts], Awaitable[Response]]


def add_operators(app: Starlette, parts: Parts, config: Config) -> None:
    """The operators' application in ``app.state``, and the live page for those on this machine."""
    viewers = app.state.viewers = Viewers(Snapshots(parts))
    app.state.admin = admin_app(parts, config.admin, viewers)
    parts.leaving.at_drain.append(partial(viewers.close, lasting=False))
    # A token or a socket says that not everybody on this machine may look.
    guarded = config.admin.token or config.admin.path or config.admin.metrics_only
    if config.admin.dashboard and is_loopback(config.listen.host) and not guarded:
        app.router.routes += local_routes(viewers, lambda: not parts.access.on)


def admin_app(parts: Parts, settings: Admin, viewers: Viewers) -> Starlette:
    """The operators' application, to be served by ``listener.admin_listening``."""
    routes = [
        Route(path, _bound(handler, parts), methods=[method])
        for (method, path), handler in _HANDLERS.items()
    ]
    if settings.dashboard:
        routes += dashboard_routes(viewers)
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, settings)],
        exception_handlers={AdminError: answer_error, HTTPException: _not_found},
    )
    app.state.order = parts.order
    return app


def _bound(handler: Handler, parts: Parts) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await handler(request, parts)

    return answer


async def _health(_: Request, parts: Parts) -> Response:
    return JSONResponse({"status": "ok"})


async def _ready(request: Request, parts: Parts) -> Response:
    state, status = ready_state(parts, whole=request.scope[OPERATOR])
    return JSONResponse(state, status)


async def _metrics(request: Request, parts: Parts) -> Response:
    return metrics_page(request, parts)


def metrics_page(request: Request, parts: Parts) -> Response:
    """Prometheus text, or OpenMetrics with exemplars."""
    accept, traced = request.headers.get("accept", ""), parts.live.in_force.traces.endpoint
    page, kind = exposition(parts.metrics.registry, accept, traced=traced is not None)
    return Response(page, headers={"content-type": kind})


async def _status(_: Request, parts: Parts) -> Response:
    return JSONResponse(overview(parts))


async def _queue(request: Request, parts: Parts) -> Response:
    limit = request.query_params.get("limit", "100")
    if not limit.isdecimal() or not 0 < int(limit[:9]) <= MOST_ROWS:
        raise AdminError(400, "invalid_limit", f"limit must be a number from 1 to {MOST_ROWS}.")
    return JSONResponse(await queue_page(parts, request.app.state.order, int(limit)))


async def _request(request: Request, parts: Parts) -> Response:
    wanted = request.path_params["id"]
    return JSONResponse(await request_page(parts, request.app.state.order, wanted))


async def _top(_: Request, parts: Parts) -> Response:
    return JSONResponse(await top_page(parts))


async def _shadow(_: Request, parts: Parts) -> Response:
    return JSONResponse(parts.shadow.page)


async def _drain(request: Request, parts: Parts) -> Response:
    return JSONResponse(await drain(parts, await asked_worker(request, parts), drained=True))


async def _undrain(request: Request, parts: Parts) -> Response:
    return JSONResponse(await drain(parts, await asked_worker(request, parts), drained=False))


async def _pause(_: Request, parts: Parts) -> Response:
    return JSONResponse(pause(parts, paused=True))


async def _resume(_: Request, parts: Parts) -> Response:
    return JSONResponse(pause(parts, paused=False))


async def _reload(_: Request, parts: Parts) -> Response:
    outcome = await parts.live.reload()
    state = {**outcome.as_json(), "last_change": parts.live.last_change}
    return JSONResponse(state, 200 if outcome.ok else 422)


async def _not_found(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    pages = [("GET", path) for path in (PAGE, FILES, EVENTS)]
    served = ", ".join(f"{method} {path}" for method, path in [*_HANDLERS, *pages])
    return AdminError(error.status_code, "not_found", f"Served here: {served}.").response()


_HANDLERS: dict[tuple[str, str], Any] = {
    ("GET", "/health"): _health,
    ("GET", "/ready"): _ready,
    ("GET", "/metrics"): _metrics,
    ("GET", "/admin/status"): _status,
    ("GET", "/admin/queue"): _queue,
    ("GET", "/admin/requests/{id:path}"): _request,
    ("GET", "/admin/top"): _top,
    ("GET", "/admin/shadow"): _shadow,
    ("POST", "/admin/drain"): _drain,
    ("POST", "/admin/undrain"): _undrain,
    ("POST", "/admin/pause"): _pause,
    ("POST", "/admin/resume"): _resume,
    ("POST", "/admin/reload"): _reload,
}
"""Method and path -> what answers."""
