"""Metrics of the configuration, under the names that Prometheus gives to its own."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.live_config.live_config import LiveConfig


class ConfigMetrics(Collector):
    """Gauges read from the state at each scrape."""

    def __init__(self, live: LiveConfig) -> None:
        self._live = live

    def describe(self) -> list[Metric]:
        """No names at registration: prometheus_client checks the names at the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        live = self._live
        for name, text, value in (
            (
                "last_reload_successful",
                "Whether the last reload of the configuration was used (1) or refused (0)",
                float(live.last.ok),
            ),
            (
                "last_reload_success_timestamp_seconds",
                "When the configuration in force was read or confirmed",
                live.loaded,
            ),
            (
                "hash",
                "A number that is the same for the same settings in force",
                float(int(live.hash, 16)),
            ),
            (
                "settings_awaiting_restart",
                "Settings whose new value needs a restart",
                float(len(live.last.restart)),
            ),
        ):
            yield GaugeMetricFamily(f"lengthwise_config_{name}", text, value=value)
