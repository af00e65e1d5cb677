"""UsageMetrics: what clients have used since the start, for Prometheus, by few keys."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.usage.ledger import UsageLedger


class UsageMetrics(Collector):
    """Counters read from the ledger at each scrape."""

    def __init__(self, ledger: UsageLedger) -> None:
        self._ledger = ledger

    def describe(self) -> list[Metric]:
        """No names at registration: prometheus_client checks the names at the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The counters; key is a key's name, or "(other)" for all beyond the first twenty."""
        tokens = CounterMetricFamily(
            "lengthwise_usage_tokens",
            "Tokens of ended requests: of the first twenty named keys, and all others together",
            labels=["key", "kind"],
        )
        requests = CounterMetricFamily(
            "lengthwise_usage_requests",
            "Ended requests that were counted, by key as the tokens",
            labels=["key", "result"],
        )
        for key, counts in list(self._ledger.by_key.items()):
            tokens.add_metric([key, "prompt"], counts.prompt_tokens)
            tokens.add_metric([key, "output"], counts.output_tokens)
            requests.add_metric([key, "ok"], counts.requests - counts.failed)
            requests.add_metric([key, "failed"], counts.failed)
        yield from (tokens, requests)
        yield CounterMetricFamily(
            "lengthwise_usage_write_failures",
            "Times that usage.file took no counts; they wait",
            value=self._ledger.failures,
        )
        yield GaugeMetricFamily(
            "lengthwise_usage_at_risk",
            "Requests whose counts are lost if the process ends before usage.file takes them",
            value=self._ledger.at_risk,
        )
