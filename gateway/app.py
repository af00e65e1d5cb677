"""The FastAPI application: connects the parts of the gateway, and answers the status routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from gateway.access.access import Access
from gateway.access.models import shown_models, target_model
from gateway.admin.app import add_operators, metrics_page
from gateway.admin.parts import Parts
from gateway.admin.ready import ready_state
from gateway.background import Background
from gateway.clients.body_bytes import BodyBytes
from gateway.clients.connections import Connections
from gateway.clients.held_answers import HeldAnswers
from gateway.config.in_force import ConfigInForce
from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.learned_state import LearnedState
from gateway.forecasting.predictor_metrics import PredictorMetrics
from gateway.forecasting.refits import Refits
from gateway.forecasting.reload import Reload
from gateway.live_config.config_metrics import ConfigMetrics
from gateway.live_config.live_config import LiveConfig
from gateway.live_config.parts import LiveParts
from gateway.live_config.source import Source
from gateway.live_metrics import LiveMetrics
from gateway.metrics import Metrics
from gateway.protocol.cors import Origins
from gateway.protocol.errors import ApiError
from gateway.protocol.gateway_app import GatewayApp
from gateway.remote_scheduler.address import SchedulerAddress
from gateway.remote_scheduler.scheduling import scheduling
from gateway.requests.access_log import AccessLog
from gateway.requests.at_once import AtOnce
from gateway.requests.endpoint import Endpoint
from gateway.requests.fallbacks import Fallbacks
from gateway.requests.feedback import Feedback
from gateway.requests.leaving import Leaving, Stage
from gateway.requests.lifecycle import Lifecycle
from gateway.requests.metering import Meters, counting, salt_of
from gateway.requests.model_names import ModelNames
from gateway.requests.reading import Reading
from gateway.requests.recent import Recent
from gateway.requests.retry_budget import RetryBudget
from gateway.requests.routing import configured_routes
from gateway.requests.stored_responses import StoredResponses
from gateway.requests.to_all import ToAll
from gateway.requests.traced import TracedRequests
from gateway.requests.under_way import UnderWay
from gateway.scheduling.tenants import Tenancy
from gateway.shadow.metrics import ShadowMetrics
from gateway.shadow.setup import setup_of
from gateway.shadow.shadow import Shadow
from gateway.supervisor import Supervisor
from gateway.tracing.opening import open_traces
from gateway.workers.discovery import Discovery
from gateway.workers.fleet import Fleet
from gateway.workers.outliers import Outliers
from predictor.adaptive import AdaptiveLayer
from predictor.inference.tiered import TieredPredictor


def create_app(
    config: Config,
    predictor: TieredPredictor | None,
    learned: LearnedState | None = None,
    source: Source | None = None,
    scheduler: SchedulerAddress | None = None,
) -> FastAPI:
    """The gateway as an ASGI application in front of the configured and the discovered workers.

    Without a ``predictor`` forecasts come from recent lengths; without ``learned`` nothing is kept
    over a restart. The configuration is read again from ``source``. With the address of a
    ``scheduler`` this process is one of several fronts. ``app.state`` holds the parts that tests
    look at.

    Raises:
        ConfigError: the section ``endpoints`` changes what cannot be changed, the file of keys or
            ``usage.file`` cannot be used.
        FrontsError: the scheduler has an address, and the extra ``fronts`` is not installed.
    """
    routes = configured_routes(config.endpoints)
    config = ConfigInForce.of(config)
    learned = learned or LearnedState(AdaptiveLayer())
    access, scheduled = Access(config.access), scheduling(config, scheduler)
    dispatcher = scheduled.dispatcher
    metrics, leaving = Metrics(config.slo), Leaving()
    supervisor = Supervisor(metrics)
    fleet = Fleet(config, dispatcher, supervisor)
    budget = RetryBudget(config.requests, metrics)
    outliers = Outliers(fleet, metrics, budget.take)
    ledger = counting(config.usage, access, metrics)
    tenancy = Tenancy(config.tenants, salt_of(learned, ledger))
    answers = HeldAnswers(
        *(config.listen, config.requests.max_answers_bytes),
        queued=lambda: dispatcher.scheduler.waiting > 0,
    )
    connections = Connections(config.listen, answers)
    bodies = BodyBytes(config.requests.max_bodies_bytes, dispatcher.retry_after)
    discovery, refits = Discovery(config, fleet, metrics), Refits(config, metrics)
    shadow = Shadow(lambda: config.shadow, lambda: setup_of(config, fleet))
    forecaster = Forecaster(predictor, metrics, config.predictor, lambda: leaving.running)
    reload = Reload(config, forecaster, learned.adaptive, metrics)
    live = LiveConfig(config, source, discovery.look)
    for collector in (
        LiveMetrics(
            *(dispatcher, fleet, tenancy, connections, bodies),
            metrics=metrics,
            supervisor=supervisor,
            learned=learned,
        ),
        PredictorMetrics(forecaster, refits),
        ConfigMetrics(live),
        ShadowMetrics(shadow),
        scheduled,
    ):
        metrics.registry.register(collector)
    background = Background(
        *(fleet, discovery, dispatcher, reload, learned, refits, outliers, connections, supervisor),
        leaving,
        access,
        live,
        shadow,
        ledger,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with scheduled.running(), background.running():
            yield
        await asyncio.to_thread(endpoint.traced.close)

    app = GatewayApp(title="Lengthwise", lifespan=lifespan, openapi_url=None)
    origins = Origins(config.cors.origins, credentials=config.cors.credentials)
    app.state.dispatcher, app.state.fleet, app.state.metrics = dispatcher, fleet, metrics
    app.state.access, app.state.live_config, app.state.ledger = access, live, ledger
    app.state.forecaster, app.state.learned, app.state.shadow = forecaster, learned, shadow
    app.state.leaving, app.state.connections = leaving, connections
    app.state.whole = None  # this process is all of the gateway, unless a front says otherwise
    under_way, order = UnderWay(), scheduled.order
    parts = Parts(
        *(dispatcher, fleet, tenancy, forecaster, metrics, leaving, under_way, supervisor, access),
        *(live, shadow, Recent(), order),
    )
    leaving.at_drain.append(lambda: dispatcher.pause(False))  # what waits must still be answered
    _add_status(app, parts, metrics=not config.admin.metrics_only)
    add_operators(app, parts, config)
    models = app.state.models = ModelNames(config, fleet)
    _add_models(app, models, access)
    feedback = app.state.feedback = Feedback(
        forecaster, metrics, learned.log, config.learning.keep_text, shadow.feed
    )
    lifecycle = Lifecycle(
        *(config, fleet, dispatcher, forecaster, metrics, feedback, tenancy, budget, under_way),
        order,
    )
    stored, access_log = StoredResponses(config, fleet), AccessLog(config.log)
    at_once, to_all = AtOnce(config, fleet, metrics, budget), ToAll(config, fleet, models)
    endpoint = Endpoint(
        config,
        access,
        fleet,
        routes,
        models,
        Fallbacks(fleet, metrics),
        stored,
        lifecycle,
        at_once,
        to_all,
        metrics,
        leaving,
        Reading(config.requests.max_json_values),
        bodies,
        answers,
        access_log,
        TracedRequests(open_traces(config.traces)),
        parts.recent,
        None if ledger is None else Meters(ledger, tenancy, fleet, access),
    )
    app.relay(endpoint, origins, hurried=lambda: leaving.stage >= Stage.DRAINING)
    live.parts += LiveParts(
        *(access, dispatcher, fleet, tenancy, connections, origins, bodies, answers, budget),
        *(metrics, forecaster, endpoint),
    ).all()
    return app


def _add_status(app: FastAPI, parts: Parts, *, metrics: bool) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        """200 while the gateway's process answers."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready(request: Request) -> Response:
        """200 while a worker takes requests, else 503; queue and workers for those with a key."""
        knows = parts.access.knows(request.scope)
        if app.state.whole is not None:
            return await app.state.whole.ready(whole=knows)  # type: ignore[no-any-return]
        state, status = ready_state(parts, whole=knows)
        return JSONResponse(state, status_code=status)

    if not metrics:
        return

    @app.get("/metrics")
    async def prometheus(request: Request) -> Response:
        """Prometheus text, for those who may use the gateway."""
        try:
            parts.access.holder(request.scope)
        except ApiError as error:
            return _refusal(error)
        if app.state.whole is not None:
            return await app.state.whole.metrics()  # type: ignore[no-any-return]
        return metrics_page(request, parts)


def _add_models(app: FastAPI, models: ModelNames, access: Access) -> None:
    @app.get("/v1/models")
    async def served(request: Request) -> Response:
        """The models and names for models that the holder of the key may use."""
        try:
            entries = shown_models(models.entries(), access.holder(request.scope))
        except ApiError as error:
            return _refusal(error)
        return JSONResponse({"object": "list", "data": list(entries.values())})

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> Response:
        """One model's entry."""
        try:
            holder = access.holder(request.scope)
            await models.entry(target_model(name, holder), holder)
        except ApiError as error:
            return _refusal(error)
        return JSONResponse(shown_models(models.entries(), holder)[name])


def _refusal(error: ApiError) -> Response:
    headers = {name.decode(): value.decode() for name, value in error.headers}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return Response(error.body(), error.status, headers, "application/json")
