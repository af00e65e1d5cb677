"""One page of metrics made of those of all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gateway.fronts.rules import APART, LARGEST, LEAST

PROCESS = "process"
"""Label of the metrics of a process: its name."""

_Key = tuple[str, frozenset[tuple[str, str]]]


class Merged:
    """The metrics of several processes, by the rules."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}
        self._samples: dict[str, dict[_Key, float]] = {}

    def add(self, families: Iterable[Metric], process: str) -> None:
        """Take the metrics of one more process."""
        for family in families:
            self._families.setdefault(family.name, family)
            _add(self._samples.setdefault(family.name, {}), family, process)

    def metrics(self) -> list[Metric]:
        """The metrics of all."""
        return [_made(self._families[name], found) for name, found in self._samples.items()]


def _add(found: dict[_Key, float], family: Metric, process: str) -> None:
    name = family.name
    apart, combine = name.startswith(APART) and name not in LEAST, _rule(name)
    for sample in family.samples:
        labels = {**sample.labels, PROCESS: process} if apart else sample.labels
        key = (sample.name, frozenset(labels.items()))
        before = found.get(key)
        found[key] = sample.value if before is None else combine(before, sample.value)


def _rule(name: str) -> Callable[[float, float], float]:
    if name in LARGEST:
        return max
    return min if name in LEAST else float.__add__


def is_summed_count(family: Metric) -> bool:
    """Whether the metric only grows, and is the sum over the processes."""
    counts = family.type in {"counter", "histogram", "summary"}
    apart = family.name.startswith(APART)
    return counts and not apart and _rule(family.name) is float.__add__


def _made(family: Metric, found: Mapping[_Key, float]) -> Metric:
    made = Metric(family.name, family.documentation, family.type)
    for (name, labels), value in found.items():
        made.add_sample(name, dict(sorted(labels)), value)
    return made


class _Found(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def page_of(metrics: Iterable[Metric]) -> bytes:
    """The page in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(metrics))
    return generate_latest(registry)
