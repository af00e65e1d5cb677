"""The metrics of what the policy saves, read from the shadow's page at the scrape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.shadow.shadow import STATES, Shadow

_LABELS = ("against", "measure", "length")
_PARTS = {
    "seconds": (
        "lengthwise_saved_seconds",
        "Latency that the policy saves against fcfs or stock (vLLM without the gateway), by length "
        "class of the answers; negative: it costs",
    ),
    "low": (
        "lengthwise_saved_low_seconds",
        "Lower end of the 90 % interval of lengthwise_saved_seconds",
    ),
    "high": (
        "lengthwise_saved_high_seconds",
        "Upper end of the 90 % interval of lengthwise_saved_seconds",
    ),
    "share": (
        "lengthwise_saved_ratio",
        "lengthwise_saved_seconds as a share of the latency without the policy",
    ),
}
"""Part of a saving -> name and meaning of its metric."""


class ShadowMetrics(Collector):
    """What was saved, and how far the shadow's model is off. No series where there is no figure."""

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow

    def describe(self) -> list[Metric]:
        """No names at registration: prometheus_client checks the names at the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics; none where the shadow is off."""
        if self._shadow.feed is None:
            return
        page = self._shadow.page
        yield from _saved(page.get("saved", {}))
        yield _errors(page.get("model", {}))
        state = GaugeMetricFamily(
            "lengthwise_shadow_state",
            "1 for ok, or for the reason why nothing is said of what was saved",
            labels=["state"],
        )
        for name in STATES:
            state.add_metric([name], name == page["state"])
        yield state
        yield GaugeMetricFamily(
            "lengthwise_shadow_requests",
            "Requests that the figures of what was saved are about",
            value=page.get("requests", 0),
        )
        yield CounterMetricFamily(
            "lengthwise_shadow_lost_records",
            "Records that the shadow's process did not get, since it was behind",
            value=page["lost_records"],
        )
        yield CounterMetricFamily(
            "lengthwise_shadow_restarts",
            "Times that the shadow's process was started again",
            value=page["restarts"],
        )


def _saved(saved: Mapping[str, Any]) -> Iterator[Metric]:
    families = {
        part: GaugeMetricFamily(name, text, labels=_LABELS) for part, (name, text) in _PARTS.items()
    }
    preemptions = GaugeMetricFamily(
        "lengthwise_saved_preemptions",
        "Preemptions in the window that the policy saves",
        labels=["against", "length"],
    )
    for against, classes in saved.items():
        for length, row in classes.items():
            preemptions.add_metric([against, length], row["preemptions"])
            for measure, parts in row.items():
                for part, family in families.items() if measure != "preemptions" else ():
                    family.add_metric([against, measure, length], parts[part])
    yield from families.values()
    yield preemptions


def _errors(model: Mapping[str, Any]) -> Metric:
    family = GaugeMetricFamily(
        "lengthwise_shadow_error_ratio",
        "By how much the shadow's latencies under the present policy are off from those that came, "
        "as a share; positive: they are too long",
        labels=["measure"],
    )
    for measure, error in model.get("error_ratio", {}).items():
        family.add_metric([measure], error)
    return family
