"""``GET /metrics`` of several fronts: one page, also while a front does not answer."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.fronts.group import Group
from gateway.fronts.merge import page_of

PARENT = "parent"


async def whole_metrics(group: Group) -> bytes:
    """The page: the fronts' metrics by the rules, and those of the processes themselves."""
    lives = group.counts.lives()
    answers = await group.ask("GET", "/metrics")
    pages = {
        name: one.body.decode() if one is not None and one.status == 200 else None
        for name, one in answers.items()
    }
    rows = [(one.name, pages[one.name] is not None, one.restarts) for one in group.fronts]
    rows += [(one.name, one.state == "serving", one.restarts) for one in group.others]
    whole = group.counts.metrics({label(name): text for name, text in pages.items()}, lives)
    whole.add(_own(), PARENT)
    return page_of([*whole.metrics(), *process_families(rows)])


def label(name: str) -> str:
    """A process's name as the label ``process`` has it."""
    return name.replace(" ", "-")


def _own() -> Iterable[Metric]:
    """The parent's own metrics: its process."""
    return ProcessCollector(registry=None).collect()


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
        serving.add_metric([label(name)], serves)
        restarts.add_metric([label(name)], count)
    return [serving, restarts]
