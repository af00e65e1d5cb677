"""AnswerMetrics: tokens and latencies of complete answers, by model."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.config.scheduling import Slo
from gateway.telemetry.buckets import SECONDS, SECONDS_PER_TOKEN, TOKENS
from gateway.telemetry.exposition import Exemplar
from scheduler.records import RequestRecord

_LATENCIES = (
    ("ttft_seconds", "Arrival to first token, streams", SECONDS),
    ("tpot_seconds", "Time per output token after the first, streams", SECONDS_PER_TOKEN),
    ("e2e_seconds", "Arrival to the end of the answer", SECONDS),
    ("normalised_latency_seconds", "End-to-end latency per output token", SECONDS_PER_TOKEN),
)

_Series = tuple[tuple[Counter, Counter], tuple[Histogram, ...], Histogram, tuple[Counter, Counter]]
"""Tokens of prompts and answers; latencies; lengths; answers that met the objective or not."""


class AnswerMetrics:
    """Counts complete answers. ``slo``: the latency objective, which may change.

    A model label is what ``ModelLabels`` gives.
    """

    def __init__(self, slo: Slo, registry: CollectorRegistry) -> None:
        self.slo = slo
        self.generation_tokens = Counter(
            "lengthwise_generation_tokens",
            "Output tokens of answers, as the workers count",
            ["model"],
            registry=registry,
        )
        self._prompt_tokens = Counter(
            "lengthwise_prompt_tokens", "Prompt tokens of answers", ["model"], registry=registry
        )
        self._met = Counter(
            "lengthwise_slo_requests",
            "Answers, by whether they met the latency objective",
            ["model", "met"],
            registry=registry,
        )
        self._latencies = [
            Histogram(f"lengthwise_{name}", text, ["model"], buckets=buckets, registry=registry)
            for name, text, buckets in _LATENCIES
        ]
        self._lengths = Histogram(
            "lengthwise_output_tokens",
            "Output tokens of one answer, as the workers count",
            ["model"],
            buckets=TOKENS,
            registry=registry,
        )
        self._series: dict[str, _Series] = {}  # looking series up is half of their cost

    def expect(self, model: str) -> None:
        """Start a model's counts of the objective at 0."""
        if model not in self._series:
            for met in ("true", "false"):
                self._met.labels(model, met)

    def observe(self, model: str, record: RequestRecord, trace: Exemplar = None) -> None:
        """Count a complete answer; ``trace``: where it is shown."""
        tokens, latencies, lengths, slo = self._series.get(model) or self._begin(model)
        tokens[0].inc(record.prompt_tokens)
        tokens[1].inc(record.output_tokens)
        lengths.observe(record.output_tokens)
        seconds = (record.ttft, record.tpot, record.e2e, record.normalised_latency)
        for histogram, value in zip(latencies, seconds, strict=True):
            if value is not None:
                histogram.observe(value, trace)
        slo[self._met_by(record)].inc()

    def _begin(self, model: str) -> _Series:
        series = (
            (self._prompt_tokens.labels(model), self.generation_tokens.labels(model)),
            tuple(histogram.labels(model) for histogram in self._latencies),
            self._lengths.labels(model),
            (self._met.labels(model, "false"), self._met.labels(model, "true")),
        )
        self._series[model] = series
        return series

    def _met_by(self, record: RequestRecord) -> bool:
        # Without a stream the first token is not visible: E2E / output tokens counts as TPOT.
        tpot = record.normalised_latency if record.ttft is None else record.tpot
        return (record.ttft or 0.0) <= self.slo.ttft_s and (tpot or 0.0) <= self.slo.tpot_s
