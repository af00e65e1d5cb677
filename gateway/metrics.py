"""Metrics: the counters, histograms and gauges that the gateway sets as events happen.

live_metrics.py has the gauges that are read from the gateway's state at each scrape.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from gateway.config.scheduling import Slo
from gateway.telemetry.answers import AnswerMetrics
from gateway.telemetry.buckets import PREDICTION_SECONDS, SECONDS, TOKENS
from gateway.telemetry.genai import GenAiMetrics
from gateway.telemetry.model_labels import ModelLabels
from gateway.telemetry.process import add_process_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # no panel reads these series

NO_MODEL = "none"
"""Model label of requests that name no model, or a model that no worker serves."""

EJECTED = ("hangs", "fails", "is slow")
"""Reasons for which a worker gets no requests for a while that another can take."""


class Metrics:
    """The gateway's metrics.

    A model label is the name of a worker's model, ``NO_MODEL`` or ``OTHER``; ``shown`` gives it.
    """

    def __init__(self, slo: Slo) -> None:
        self.registry = CollectorRegistry()
        self.shown = ModelLabels()
        self._expected: set[str] = set()
        self.in_flight = Gauge(
            "lengthwise_requests_in_flight",
            "Requests accepted and not ended",
            registry=self.registry,
        )
        self.background_failures = self._counter(
            "background_failures", "Errors of background tasks, which go on or start again", "task"
        )
        self.uncaught_errors = self._counter(
            "uncaught_errors", "Errors in the event loop that nothing caught; the log has the trace"
        )
        self.log_lines_dropped = self._counter(
            "log_lines_dropped", "Entries of the log that were lost: stderr is full or closed"
        )
        self.answers = AnswerMetrics(slo, self.registry)
        self.picker_streams = Gauge(
            "lengthwise_picker_streams",
            "Requests of data planes that the picker holds or follows",
            registry=self.registry,
        )
        self.picker_requests = self._counter(
            "picker_requests", "Requests of data planes by what the picker made of them", "result"
        )
        self.queue_wait = self._histogram("queue_wait_seconds", "Arrival to dispatch", SECONDS)
        self._make_request_metrics()
        self._make_prediction_metrics()
        self.genai = GenAiMetrics(self.registry)
        add_process_metrics(self.registry)

    def _make_request_metrics(self) -> None:
        self.requests = self._counter(
            "requests",
            "Requests ended, by outcome: ok, client_gone, queue_full, tenant_queue_full, ...",
            "model",
            "endpoint",
            "outcome",
        )
        self.worker_failures = self._counter(
            "worker_failures", "Attempts that the worker failed before the first byte", "worker"
        )
        self.worker_refusals = self._counter(
            "worker_refusals",
            "Attempts that the worker answered 429, 500, 502, 503 or 504",
            "worker",
        )
        self.ejections = self._counter(
            "worker_ejections",
            "Times that the worker did much worse than the others: it hangs, fails or is slow",
            "worker",
            "reason",
        )
        self.retries = self._counter(
            "retries",
            "Attempts beyond a request's first: tried, denied by the budget, or moved from a "
            "worker that broke",
            "result",
        )
        for result in ("tried", "moved", "denied"):
            self.retries.labels(result)
        self.model_choices = self._counter(
            "model_choices",
            "Requests sent to a model by the section models: under which name, to which model, and "
            "why: asked, default, alias, split, or why the model before it did not answer",
            "asked",
            "model",
            "reason",
        )

    def _make_prediction_metrics(self) -> None:
        self.prediction_seconds = Histogram(
            "lengthwise_prediction_seconds",
            "Time of one length forecast",
            buckets=PREDICTION_SECONDS,
            registry=self.registry,
        )
        self.prediction_error = self._histogram(
            "prediction_absolute_error_tokens",
            "Distance of the forecast's median from the answer's length",
            TOKENS,
        )
        self.intervals = self._counter(
            "prediction_intervals",
            "Answers inside or outside the forecast's central 80 % interval",
            "model",
            "result",
        )
        self.fallbacks = self._counter(
            "prediction_fallbacks",
            "Forecasts from recent lengths because the predictor was absent, failed or late",
            "reason",
        )
        for reason in ("absent", "failed", "timeout"):
            self.fallbacks.labels(reason)
        self.forecasts = self._counter(
            "forecasts",
            "Answers, by the source of the last forecast: refined, fast, recent (the fallback)",
            "tier",
        )
        for tier in ("recent", "fast", "refined"):
            self.forecasts.labels(tier)
        self._make_model_metrics()

    def _make_model_metrics(self) -> None:
        self.refine_seconds = Histogram(
            "lengthwise_refine_seconds",
            "Time of one refined forecast of a waiting request",
            buckets=PREDICTION_SECONDS,
            registry=self.registry,
        )
        self.refinements = self._counter(
            "refinements", "Forecasts asked of the refined tier, by result", "result"
        )
        for result in ("done", "late", "failed"):
            self.refinements.labels(result)
        self.predictor_loaded = Gauge(
            "lengthwise_predictor_loaded",
            "1 while a length predictor is in use, 0 while recent lengths take its place",
            registry=self.registry,
        )
        self.predictor_enabled = Gauge(
            "lengthwise_predictor_enabled",
            "1 if a length predictor is wanted (predictor.enabled)",
            registry=self.registry,
        )
        self.predictor_reloads = self._counter(
            "predictor_reloads", "New predictors that were taken up, or refused", "result"
        )
        for result in ("ok", "refused"):
            self.predictor_reloads.labels(result)
        self.refits = self._counter(
            "refits", "Refits of the predictor to served traffic, by outcome", "result"
        )
        for result in ("promoted", "kept", "rolled back", "failed"):
            self.refits.labels(result)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"lengthwise_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(
            f"lengthwise_{name}", text, ("model",), buckets=buckets, registry=self.registry
        )

    def expect_worker(self, worker_id: str) -> None:
        """Start a worker's counters at 0: a series that starts at 1 shows no increase."""
        self.worker_failures.labels(worker_id)
        self.worker_refusals.labels(worker_id)
        for reason in EJECTED:
            self.ejections.labels(worker_id, reason)

    def forget_worker(self, worker_id: str) -> None:
        """Remove the series of a worker that has left."""
        self.worker_failures.remove(worker_id)
        self.worker_refusals.remove(worker_id)
        for reason in EJECTED:
            self.ejections.remove(worker_id, reason)

    def expect_model(self, model: str) -> None:
        """Start a model's counters at 0."""
        model = self.shown(model)
        if model in self._expected:
            return
        self._expected.add(model)
        self.answers.expect(model)
        for result in ("inside", "outside"):
            self.intervals.labels(model, result)

    def render(self) -> bytes:
        """The Prometheus text."""
        return generate_latest(self.registry)
