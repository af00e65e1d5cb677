"""``GET /metrics`` of several fronts: one page, also while a front does not answer."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.fronts.group import Group
from gateway.fronts.merge import merged, page_of

PARENT = "parent"


async def whole_metrics(group: Group) -> bytes:
    """The page: the fronts' metrics by the rules, and those of the processes themselves."""
    answers = await group.ask("GET", "/metrics")
    pages = {
        name.replace(" ", "-"): one.body.decode()
        for name, one in answers.items()
        if one is not None and one.status == 200
    }
    up = [name for name, one in answers.items() if one is not None and one.status == 200]
    rows = [(child.name, child.name in up, child.restarts) for child in group.fronts]
    rows += [(one.name, one.state == "serving", one.restarts) for one in group.others]
    return page_of([*merged({**pages, PARENT: _own()}), *process_families(rows)])


def _own() -> str:
    """The parent's own page: its process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode()


def process_families(rows: Iterable[tuple[str, bool, int]]) -> list[Metric]:
    """The metrics of the processes: name, whether it serves, and how often it started again."""
    serving = GaugeMetricFamily(
        "lengthwise_process_up",
        "1 while a process of serve --fronts serves, and a front's figures are in this page",
        labels=["process"],
    )
    restarts = CounterMetricFamily(
        "lengthwise_process_restarts",
        "Times that a process of serve --fronts was started again",
        labels=["process"],
    )
    for name, serves, count in rows:
        label = [name.replace(" ", "-")]
        serving.add_metric(label, serves)
        restarts.add_metric(label, count)
    return [serving, restarts]
