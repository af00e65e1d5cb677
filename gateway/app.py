"""The FastAPI application: connects the parts of the gateway, and answers the status routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.background import Background
from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.learned_state import LearnedState
from gateway.forecasting.refits import Refits
from gateway.forecasting.reload import Reload
from gateway.live_metrics import LiveMetrics
from gateway.metrics import Metrics
from gateway.protocol.errors import ApiError
from gateway.requests.endpoint import Endpoint
from gateway.requests.feedback import Feedback
from gateway.requests.lifecycle import Lifecycle
from gateway.scheduling.build_scheduler import make_scheduler
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.tenants import Tenancy
from gateway.workers.discovery import Discovery
from gateway.workers.fleet import Fleet
from gateway.workers.status import worker_statuses
from predictor.adaptive import AdaptiveLayer
from predictor.inference.tiered import TieredPredictor


def create_app(
    config: Config, predictor: TieredPredictor | None, learned: LearnedState | None = None
) -> FastAPI:
    """The gateway as an ASGI application in front of the configured and the discovered workers.

    Without a ``predictor`` forecasts come from recent lengths; without ``learned`` nothing is kept
    over a restart. ``app.state`` holds the parts that tests look at.
    """
    learned = learned or LearnedState(AdaptiveLayer())
    dispatcher = Dispatcher(make_scheduler(config))
    fleet = Fleet(config, dispatcher)
    tenancy = Tenancy(config.tenants, learned.adaptive.salt)
    metrics = Metrics(config.slo)
    metrics.registry.register(LiveMetrics(dispatcher, fleet, tenancy))
    discovery = Discovery(config, fleet, metrics)
    forecaster = Forecaster(predictor, metrics, config.predictor)
    reload = Reload(config, forecaster, learned.adaptive, metrics)
    background = Background(fleet, discovery, dispatcher, reload, learned, Refits(config, metrics))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with background.running():
            yield

    app = FastAPI(title="Lengthwise", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_exception_handler(HTTPException, _not_served)
    app.state.dispatcher, app.state.fleet, app.state.metrics = dispatcher, fleet, metrics
    app.state.forecaster, app.state.learned = forecaster, learned
    _add_status(app, fleet, dispatcher, metrics, tenancy)
    _add_models(app, fleet)
    feedback = Feedback(forecaster, metrics, learned.log, config.learning.keep_text)
    lifecycle = Lifecycle(config, fleet, dispatcher, forecaster, metrics, feedback, tenancy)
    app.mount("/v1", Endpoint(config, fleet, lifecycle, metrics))
    return app


async def _not_served(request: Request, error: Exception) -> Response:
    """The answer to a path or a method that is not served, in OpenAI's shape."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    text = f"{request.method} {request.url.path} is not served. The API lives under /v1/."
    fault = ApiError(status, text, code="not_found")
    return Response(fault.body, status, media_type="application/json")


def _add_status(
    app: FastAPI, fleet: Fleet, dispatcher: Dispatcher, metrics: Metrics, tenancy: Tenancy
) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        """200 while the gateway's process answers."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready() -> JSONResponse:
        """200 while a worker takes requests, else 503. The body shows the queue and the workers."""
        scheduler = dispatcher.scheduler
        state: dict[str, Any] = {
            "status": "ready" if fleet.ready else "no_healthy_worker",
            "waiting": scheduler.waiting_by_model(),
            "turn_s": round(scheduler.turn_seconds, 3),
            "workers": [worker.as_json() for worker in worker_statuses(fleet, scheduler)],
        }
        if tenancy.fair:
            state["waiting_by_tenant"] = tenancy.shown(scheduler.waiting_by_tenant())
        return JSONResponse(state, status_code=200 if fleet.ready else 503)

    @app.get("/metrics")
    async def prometheus() -> Response:
        """Prometheus text."""
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_models(app: FastAPI, fleet: Fleet) -> None:
    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The models of all workers."""
        return {"object": "list", "data": list(fleet.models().values())}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> Response:
        """One model's entry."""
        entry = fleet.models().get(name)
        if entry is None:
            error = ApiError(
                404,
                f"model {name[:200]!r} is not served here. GET /v1/models lists the names.",
                code="model_not_found",
                param="model",
            )
            return Response(error.body, error.status, media_type="application/json")
        return JSONResponse(entry)
