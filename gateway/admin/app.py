"""The operators' application: its pages and endpoints, all as JSON but /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.admin.actions import asked_worker, drain, pause
from gateway.admin.errors import AdminError, answer_error
from gateway.admin.guard import OPERATOR, Guard
from gateway.admin.overview import overview
from gateway.admin.parts import Parts
from gateway.admin.ready import ready_state
from gateway.config.admin import Admin

Handler = Callable[[Request, Parts], Awaitable[Response]]


def admin_app(parts: Parts, settings: Admin) -> Starlette:
    """The operators' application, to be served by ``listener.admin_listening``."""
    return Starlette(
        routes=[
            Route(path, _bound(handler, parts), methods=[method])
            for (method, path), handler in _HANDLERS.items()
        ],
        middleware=[Middleware(Guard, settings)],
        exception_handlers={AdminError: answer_error, HTTPException: _not_found},
    )


def _bound(handler: Handler, parts: Parts) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await handler(request, parts)

    return answer


async def _health(_: Request, parts: Parts) -> Response:
    return JSONResponse({"status": "ok"})


async def _ready(request: Request, parts: Parts) -> Response:
    state, status = ready_state(parts, whole=request.scope[OPERATOR])
    return JSONResponse(state, status)


async def _metrics(_: Request, parts: Parts) -> Response:
    return metrics_page(parts)


def metrics_page(parts: Parts) -> Response:
    """Prometheus text."""
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return Response(parts.metrics.render(), media_type=kind)


async def _status(_: Request, parts: Parts) -> Response:
    return JSONResponse(overview(parts))


async def _drain(request: Request, parts: Parts) -> Response:
    return JSONResponse(drain(parts, await asked_worker(request, parts), drained=True))


async def _undrain(request: Request, parts: Parts) -> Response:
    return JSONResponse(drain(parts, await asked_worker(request, parts), drained=False))


async def _pause(_: Request, parts: Parts) -> Response:
    return JSONResponse(pause(parts, paused=True))


async def _resume(_: Request, parts: Parts) -> Response:
    return JSONResponse(pause(parts, paused=False))


async def _not_found(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    served = ", ".join(f"{method} {path}" for method, path in _HANDLERS)
    return AdminError(error.status_code, "not_found", f"Served here: {served}.").response()


_HANDLERS: dict[tuple[str, str], Any] = {
    ("GET", "/health"): _health,
    ("GET", "/ready"): _ready,
    ("GET", "/metrics"): _metrics,
    ("GET", "/admin/status"): _status,
    ("POST", "/admin/drain"): _drain,
    ("POST", "/admin/undrain"): _undrain,
    ("POST", "/admin/pause"): _pause,
    ("POST", "/admin/resume"): _resume,
}
"""Method and path -> what answers."""
