"""One page of metrics made of several."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.fronts.merge import merged, page_of
from gateway.fronts.rules import APART, LARGEST, LEAST, SUMMED
from tests.deploy.paths import DEPLOY

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.M)


def _page(number: int) -> str:
    """A front's page, with figures that depend on its number."""
    registry = CollectorRegistry()
    requests = Counter("lengthwise_requests", "Ended", ("model",), registry=registry)
    requests.labels("a").inc(10 * number)
    requests.labels(f"of {number}").inc(1)
    waits = Histogram(
        "lengthwise_e2e_seconds", "E2E", ("model",), registry=registry, buckets=(1, 9)
    )
    for value in (0.5, 5.0 * number):
        waits.labels("a").observe(value)
    for name, value in (
        ("lengthwise_connections", number),
        ("lengthwise_paused", number - 1),
        ("lengthwise_worker_up", number - 1),
        ("process_open_fds", number),
        ("process_start_time_seconds", number),
    ):
        Gauge(name, "A gauge", registry=registry).set(value)
    Counter("lengthwise_worker_preemptions", "Engine's", registry=registry).inc(7)
    return generate_latest(registry).decode()


def _samples(text: str) -> dict[str, float]:
    """Each line's value."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_each_metric_goes_by_its_rule() -> None:
    text = page_of(merged({"front-1": _page(1), "front-2": _page(2)})).decode()
    found = {name: value for name, value in _samples(text).items() if "_created" not in name}
    assert found == {
        'lengthwise_requests_total{model="a"}': 30,
        'lengthwise_requests_total{model="of 1"}': 1,
        'lengthwise_requests_total{model="of 2"}': 1,
        'lengthwise_e2e_seconds_bucket{le="1.0",model="a"}': 2,
        'lengthwise_e2e_seconds_bucket{le="9.0",model="a"}': 3,
        'lengthwise_e2e_seconds_bucket{le="+Inf",model="a"}': 4,
        'lengthwise_e2e_seconds_count{model="a"}': 4,
        'lengthwise_e2e_seconds_sum{model="a"}': 16,
        "lengthwise_connections": 3,
        "lengthwise_paused": 1,
        "lengthwise_worker_up": 0,
        "process_start_time_seconds": 1,
        'process_open_fds{process="front-1"}': 1,
        'process_open_fds{process="front-2"}': 2,
        "lengthwise_worker_preemptions_total": 7,
    }
    list(text_string_to_metric_families(text))  # a page that others can read


def test_every_gauge_has_one_rule() -> None:
    rows = ROW.findall((DEPLOY / "METRICS.md").read_text(encoding="utf-8"))
    gauges = {name for name, kind in rows if kind == "gauge" and not name.startswith(APART)}
    own = {name for name in gauges if name.startswith("lengthwise_process_")}
    rules = [*LARGEST, *LEAST, *SUMMED]
    assert len(rules) == len(set(rules))
    assert gauges - own - set(rules) == set(), "add to a table of gateway/fronts/rules.py"
    known = gauges | {name.removesuffix("_total") for name, _ in rows}
    assert set(rules) - known == set(), "no metrics any more"
