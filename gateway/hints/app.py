"""The HTTP side of the hints."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from gateway.hints.hints import MOST_BYTES, Hints, parsed, refused
from gateway.protocol.errors import ApiError


def create_hints_app(hints: Hints) -> FastAPI:
    """``POST /v1/forecasts``, and the pages of operators."""
    app = FastAPI(title="lengthwise predict", openapi_url=None)

    @app.post("/v1/forecasts")
    async def forecasts(request: Request) -> Response:
        try:
            fields = parsed(await _body(request))
            several = isinstance(fields, dict) and "requests" in fields
            bodies = fields["requests"] if several else [fields]
            if not isinstance(bodies, list):
                raise refused("requests is no list; give a list of requests", "requests")
            found = [hint.fields() for hint in await hints.of(bodies, alone=not several)]
        except ApiError as error:
            return Response(error.body(), error.status, media_type="application/json")
        return JSONResponse({"forecasts": found} if several else found[0])

    @app.get("/health")
    async def health() -> Response:
        return PlainTextResponse("ok")

    @app.get("/ready")
    async def ready() -> Response:
        text = "ready" if hints.ready else "no predictor is ready; the log says why"
        return PlainTextResponse(text, 200 if hints.ready else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(hints.metrics.render(), media_type="text/plain; version=0.0.4")

    return app


async def _body(request: Request) -> bytes:
    """The body, read no further than the bound."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            break
    return b"".join(parts)
