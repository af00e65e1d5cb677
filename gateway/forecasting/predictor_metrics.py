"""PredictorMetrics: which predictor is in use, how old it is, how it drifts, and its last refit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.refits import Refits
from gateway.telemetry.model_labels import ModelLabels

MOST_MODELS = 20
"""Models whose drift is shown."""

RELEARNED = 64
"""Answers after a change with which the corrections are again worth what they were: as many as are
needed before another change can be noticed."""


class PredictorMetrics(Collector):
    """Gauges read from the state at each scrape."""

    def __init__(self, forecaster: Forecaster, refits: Refits) -> None:
        self._forecaster = forecaster
        self._refits = refits
        self._shown = ModelLabels(MOST_MODELS)

    def describe(self) -> list[Metric]:
        """No names at registration: prometheus_client checks the names at the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges. What is not known, such as the last of no refits, has no series."""
        yield from self._artefact()
        yield from self._drift()
        yield from self._last_refit()

    def _artefact(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "lengthwise_predictor_info",
            "1; the labels are the model in use and whether it has a refined tier",
            labels=["artefact", "refines"],
        )
        created = GaugeMetricFamily(
            "lengthwise_predictor_created_timestamp_seconds", "When the model in use was made"
        )
        predictor = self._forecaster.predictor
        if predictor is not None:
            refines = "true" if predictor.refines else "false"
            info.add_metric([predictor.artefact_id, refines], 1)
            moment = _seconds(predictor.model.manifest.get("created"))
            if moment is not None:
                created.add_metric([], moment)
        yield from (info, created)

    def _drift(self) -> Iterator[Metric]:
        changes = CounterMetricFamily(
            "lengthwise_predictor_drifts",
            "Changes of a model's answers after which what was learned before lost its weight",
            labels=["model", "tier"],
        )
        fresh = GaugeMetricFamily(
            "lengthwise_predictor_answers_since_drift",
            "Answers learned from since the last change, or since the start",
            labels=["model", "tier"],
        )
        state = GaugeMetricFamily(
            "lengthwise_predictor_drifting",
            f"1 from a change of the model's answers until {RELEARNED} more have been learned from",
            labels=["model", "tier"],
        )
        for (tier, model), epoch, answers in self._learners():
            labels = [self._shown(model), tier]
            if labels[0] != model:
                continue  # a sum over models says nothing
            changes.add_metric(labels, epoch)
            fresh.add_metric(labels, answers)
            state.add_metric(labels, float(epoch > 0 and answers < RELEARNED))
        yield from (changes, fresh, state)

    def _learners(self) -> list[tuple[tuple[str, str], int, int]]:
        """Tier and model, changes of the model until now, answers since the last one."""
        predictor = self._forecaster.predictor
        if predictor is None:
            return []
        adaptive = predictor.adaptive
        with adaptive.lock:
            return [
                (learner, recent.epoch, recent.count - recent.changed)
                for learner, recent in adaptive.recent.items()
            ]

    def _last_refit(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "lengthwise_refit_last_info",
            "1; the labels are what the last refit has done, and why",
            labels=["result", "reason"],
        )
        when = GaugeMetricFamily(
            "lengthwise_refit_last_timestamp_seconds", "When the last refit ended"
        )
        last = self._refits.last
        if last is not None:
            info.add_metric([last.result, last.reason], 1)
            when.add_metric([], last.when)
        yield from (info, when)


def _seconds(created: object) -> float | None:
    """Unix seconds of a time in ISO 8601; None where it is no such time."""
    try:
        return datetime.fromisoformat(str(created)).timestamp()
    except ValueError:
        return None
