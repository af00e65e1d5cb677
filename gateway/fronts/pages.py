"""The operators' application of several fronts, and what it answers for all of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.admin.actions import MOST_BODY_BYTES
from gateway.admin.errors import AdminError, answer_error
from gateway.admin.guard import OPERATOR, Guard
from gateway.admin.requests import MOST_ROWS
from gateway.config.admin import Admin
from gateway.fronts import joined
from gateway.fronts.group import Group, good, unreached
from gateway.fronts.states import ready_state
from gateway.fronts.whole_metrics import whole_metrics
from gateway.telemetry.exposition import PLAIN
from gateway.telemetry.process import own_version

RELOAD_S = 30.0
"""Seconds that a front may take to read its configuration again."""

Handler = Callable[[Request, Group], Awaitable[Response]]


def whole_app(group: Group, settings: Admin) -> Starlette:
    """The application, for ``admin.listen`` and for the fronts' own questions."""
    begun = monotonic()

    async def status(_: Request, group: Group) -> Response:
        pages = await group.pages("GET", "/admin/status")
        state, _code = await ready_state(group, whole=False)
        shown = {"version": own_version(), "uptime_s": round(monotonic() - begun, 1)}
        return JSONResponse(
            {**state, **shown, **joined.overview(pages), "processes": group.processes()}
        )

    handlers: dict[tuple[str, str], Handler] = {**_HANDLERS, ("GET", "/admin/status"): status}
    return Starlette(
        routes=[
            Route(path, _bound(handler, group), methods=[method])
            for (method, path), handler in handlers.items()
        ],
        middleware=[Middleware(Guard, settings)],
        exception_handlers={AdminError: answer_error, HTTPException: _not_found},
    )


def _bound(handler: Handler, group: Group) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await handler(request, group)

    return answer


async def _health(_: Request, group: Group) -> Response:
    return JSONResponse({"status": "ok"})


async def _ready(request: Request, group: Group) -> Response:
    whole = request.scope[OPERATOR] and "short" not in request.query_params
    state, status = await ready_state(group, whole=whole)
    return JSONResponse(state, status)


async def _metrics(_: Request, group: Group) -> Response:
    return Response(await whole_metrics(group), headers={"content-type": PLAIN})


async def _queue(request: Request, group: Group) -> Response:
    limit = request.query_params.get("limit", "100")
    pages = await group.pages("GET", f"/admin/queue?limit={quote(limit, safe='')}")
    return JSONResponse(joined.queue(pages, int(limit)))


async def _request(request: Request, group: Group) -> Response:
    """Where a request is: one front has it."""
    path = f"/admin/requests/{quote(request.path_params['id'], safe='')}"
    answers = [one for one in (await group.ask("GET", path)).values() if one is not None]
    if not answers:
        raise unreached()
    found = [one for one in answers if one.status == 200]
    if not found:
        return Response(answers[0].body, answers[0].status, media_type="application/json")
    rows = [row for one in found for row in json.loads(one.body)["requests"]]
    return JSONResponse({"requests": rows})


async def _top(_: Request, group: Group) -> Response:
    pages = await group.pages("GET", "/admin/top")
    uptime = max(page["uptime_s"] for page in pages)
    return JSONResponse({"uptime_s": uptime, **joined.top(pages, MOST_ROWS)})


async def _told(
    request: Request, group: Group, undoes: str, answer: Callable[[Any], dict[str, Any]]
) -> Response:
    """Tell all fronts a change, and keep it for those that start again."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise AdminError(413, "body_too_large", f"A body has at most {MOST_BODY_BYTES} bytes.")
    path = request.url.path
    told = await group.ask("POST", path, body)
    pages = good(told)
    group.remember(path, body, undoes)
    silent = group.tell_later(told)
    return JSONResponse({**answer(pages), "not_heard": silent})


async def _drain(request: Request, group: Group) -> Response:
    return await _told(request, group, "/admin/undrain", joined.drained)


async def _undrain(request: Request, group: Group) -> Response:
    return await _told(request, group, "/admin/drain", joined.drained)


async def _pause(request: Request, group: Group) -> Response:
    return await _told(request, group, "/admin/resume", joined.paused)


async def _resume(request: Request, group: Group) -> Response:
    return await _told(request, group, "/admin/pause", joined.paused)


async def _reload(_: Request, group: Group) -> Response:
    answers = await group.ask("POST", "/admin/reload", limit_s=RELOAD_S)
    pages = [json.loads(one.body) for one in answers.values() if one is not None]
    if not pages:
        raise unreached()
    state = joined.reloaded(pages)
    return JSONResponse(state, 200 if state["ok"] else 422)


async def _elsewhere(_: Request, group: Group) -> Response:
    raise AdminError(
        501,
        "not_with_fronts",
        "This page needs one process that sees every request: serve with listen.fronts 1.",
    )


async def _not_found(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    served = ", ".join(f"{method} {path}" for method, path in _HANDLERS)
    return AdminError(error.status_code, "not_found", f"Served here: {served}.").response()


_HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/health"): _health,
    ("GET", "/ready"): _ready,
    ("GET", "/metrics"): _metrics,
    ("GET", "/admin/queue"): _queue,
    ("GET", "/admin/requests/{id:path}"): _request,
    ("GET", "/admin/top"): _top,
    ("GET", "/admin/shadow"): _elsewhere,
    ("GET", "/admin/events"): _elsewhere,
    ("GET", "/dashboard"): _elsewhere,
    ("POST", "/admin/drain"): _drain,
    ("POST", "/admin/undrain"): _undrain,
    ("POST", "/admin/pause"): _pause,
    ("POST", "/admin/resume"): _resume,
    ("POST", "/admin/reload"): _reload,
}
"""Method and path -> what answers for all fronts."""
