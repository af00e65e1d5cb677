"""ForecastQuality: how good the forecasts are, by model and kind of request, for the metrics."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import add

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.forecasting.recent_traffic import ENOUGH, PRIOR
from gateway.forecasting.scores import INTERVALS, crps, rank_tau, score
from gateway.telemetry.model_labels import ModelLabels
from scheduler.length import LengthDistribution

BATCH = 128
"""Answers that are scored together: one by one each would cost some ten times as much."""

RECENT = 256
"""Latest answers of a model and kind over which ``tau`` is taken, and of a model that make the
reference of the CRPS skill."""

LEAST_FOR_TAU = 20
"""Answers without which there is no ``tau``."""

MOST_MODELS = 20
"""Models with series of their own, since each has some for every kind."""

Answer = tuple[str, str, LengthDistribution, int]
"""Model, kind of request, forecast, and the length that came, in tokens."""


@dataclass(slots=True)
class _Sums:
    """Sums over the scored answers of one model and kind."""

    answers: int = 0
    inside: list[int] = field(default_factory=lambda: [0] * len(INTERVALS))
    error: float = 0.0
    crps: float = 0.0
    reference_crps: float = 0.0
    latest: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=RECENT))
    """(expected, actual) tokens of the latest answers."""
    tau: tuple[int, float | None] = 0, None
    """The number of answers at which tau was taken, and tau."""


class ForecastQuality(Collector):
    """Takes answers with their forecasts, and has the scores at each scrape.

    Not thread-safe: answers and scrapes come from the event loop.
    """

    def __init__(self) -> None:
        self._unscored: list[Answer] = []
        self._sums: dict[tuple[str, str], _Sums] = {}
        self._shown = ModelLabels(MOST_MODELS)
        self._lengths: dict[str, deque[int]] = {}

    def add(self, model: str, kind: str, forecast: LengthDistribution, tokens: int) -> None:
        """Take an answer that has ended by itself."""
        self._unscored.append((self._shown(model), kind, forecast, tokens))
        if len(self._unscored) >= BATCH:
            self._score()

    def _score(self) -> None:
        answers, self._unscored = self._unscored, []
        if not answers:
            return
        scores = score([answer[2] for answer in answers], [answer[3] for answer in answers])
        reference = self._reference_crps(answers)
        rows = zip(
            *(answers, scores.inside.tolist(), scores.error.tolist(), scores.crps.tolist()),
            *(reference, scores.expected.tolist()),
            strict=True,
        )
        for (model, kind, _, tokens), inside, error, crps_, plain, expected in rows:
            sums = self._sums.setdefault((model, kind), _Sums())
            sums.answers += 1
            sums.inside = list(map(add, sums.inside, inside))
            sums.error += error
            sums.crps += crps_
            sums.reference_crps += plain
            sums.latest.append((expected, tokens))

    def _reference_crps(self, answers: Sequence[Answer]) -> list[float]:
        """The CRPS of what would be forecast without the prompt: the model's earlier lengths."""
        rows: dict[str, list[int]] = {}
        for row, answer in enumerate(answers):
            rows.setdefault(answer[0], []).append(row)
        found = [0.0] * len(answers)
        for model, own in rows.items():
            earlier = self._lengths.setdefault(model, deque(maxlen=RECENT))
            known = len(earlier) >= ENOUGH
            reference = LengthDistribution.from_samples(earlier) if known else PRIOR
            lengths = [answers[row][3] for row in own]
            for row, value in zip(own, crps(reference, lengths).tolist(), strict=True):
                found[row] = value
            earlier.extend(lengths)
        return found

    def describe(self) -> list[Metric]:
        """No names at registration: prometheus_client checks the names at the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The scores of all answers until now."""
        self._score()
        yield self._counter("scored", "Answers that ended by themselves: their forecasts count")
        inside = CounterMetricFamily(
            "lengthwise_forecast_inside",
            "Scored answers whose length was inside the forecast's central interval (per cent)",
            labels=[*_LABELS, "interval"],
        )
        for labels, sums in self._sums.items():
            for interval, count in zip(INTERVALS, sums.inside, strict=True):
                inside.add_metric([*labels, str(interval)], count)
        yield inside
        yield self._counter(
            "error_tokens", "Distance of the median from the length, summed over scored answers"
        )
        yield self._counter(
            "crps_tokens", "CRPS of the forecasts, summed over scored answers; less is better"
        )
        yield self._counter(
            "reference_crps_tokens",
            "CRPS of the model's recent lengths in place of the forecast, summed likewise",
        )
        yield self._taus()

    def _counter(self, name: str, text: str) -> Metric:
        family = CounterMetricFamily(f"lengthwise_forecast_{name}", text, labels=_LABELS)
        for labels, sums in self._sums.items():
            family.add_metric(labels, getattr(sums, _FIELDS[name]))
        return family

    def _taus(self) -> Metric:
        family = GaugeMetricFamily(
            "lengthwise_forecast_tau",
            f"Kendall's tau of forecasts and lengths over the latest {RECENT} scored answers",
            labels=_LABELS,
        )
        for labels, sums in self._sums.items():
            if (tau := _tau(sums)) is not None:
                family.add_metric(labels, tau)
        return family


_LABELS = ("model", "kind")
_FIELDS = {
    "scored": "answers",
    "error_tokens": "error",
    "crps_tokens": "crps",
    "reference_crps_tokens": "reference_crps",
}


def _tau(sums: _Sums) -> float | None:
    """Tau of the latest answers, computed once for each new answer."""
    if len(sums.latest) < LEAST_FOR_TAU:
        return None
    if sums.tau[0] != sums.answers:
        latest = np.array(sums.latest)
        sums.tau = sums.answers, rank_tau(latest[:, 0], latest[:, 1])
    return sums.tau[1]
