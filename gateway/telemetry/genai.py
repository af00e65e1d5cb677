"""GenAiMetrics: metrics under the names of OpenTelemetry's conventions for generative AI.

Tools that know these names show a gateway without further setup. The names of attributes and the
buckets are those of the conventions; only complete answers count.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

from scheduler.records import RequestRecord

_DURATION = tuple(0.01 * 2**power for power in range(14))
_TO_FIRST_TOKEN = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0),
    *(7.5, 10.0),
)
_PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_TOKENS = tuple(float(4**power) for power in range(14))
_LABELS = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
_PROVIDER = "vllm"
_OPERATIONS = {"completions": "text_completion", "generate": "text_completion"}


class GenAiMetrics:
    """Histograms of complete answers, by operation ("chat", "text_completion") and model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, text: str, buckets: tuple[float, ...], *more: str) -> Histogram:
            labels = (*_LABELS, *more)
            return Histogram(f"gen_ai_{name}", text, labels, buckets=buckets, registry=registry)

        self._duration = histogram(
            "server_request_duration_seconds", "Arrival to the end of the answer", _DURATION
        )
        self._to_first_token = histogram(
            "server_time_to_first_token_seconds",
            "Arrival to the first token, streams",
            _TO_FIRST_TOKEN,
        )
        self._per_token = histogram(
            "server_time_per_output_token_seconds",
            "Time per output token after the first, streams",
            _PER_TOKEN,
        )
        self._tokens = histogram(
            "client_token_usage",
            "Tokens of a request's prompt (input) and answer (output)",
            _TOKENS,
            "gen_ai_token_type",
        )
        self._series: dict[tuple[str, str], tuple[Histogram, ...]] = {}

    def observe(self, endpoint: str, model: str, record: RequestRecord) -> None:
        """Count a complete answer of an endpoint such as "chat/completions"."""
        series = self._series.get((endpoint, model)) or self._begin(endpoint, model)
        values = (record.e2e, record.ttft, record.tpot, record.prompt_tokens, record.output_tokens)
        for histogram, value in zip(series, values, strict=True):
            if value is not None:
                histogram.observe(value)

    def _begin(self, endpoint: str, model: str) -> tuple[Histogram, ...]:
        labels = (_OPERATIONS.get(endpoint, "chat"), _PROVIDER, model)
        times = (self._duration, self._to_first_token, self._per_token)
        series = (
            *(histogram.labels(*labels) for histogram in times),
            *(self._tokens.labels(*labels, kind) for kind in ("input", "output")),
        )
        self._series[endpoint, model] = series
        return series
