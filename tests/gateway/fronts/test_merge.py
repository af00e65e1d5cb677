"""One page of metrics made of several."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.fronts.lasting_counts import LastingCounts
from gateway.fronts.merge import page_of
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
    both = LastingCounts().metrics({"front-1": _page(1), "front-2": _page(2)})
    text = page_of(both.metrics()).decode()
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


def test_no_sum_falls_when_a_front_is_silent_dies_and_starts_again() -> None:
    counts = LastingCounts()
    requests = 'lengthwise_requests_total{model="a"}'
    waits = 'lengthwise_e2e_seconds_count{model="a"}'

    def seen(first: str | None, second: str | None) -> dict[str, float]:
        pages = {"front-1": first, "front-2": second}
        return _samples(page_of(counts.metrics(pages).metrics()).decode())

    assert seen(_page(1), _page(2))[requests] == 30
    silent = seen(None, _page(2))
    assert (silent[requests], silent[waits]) == (30, 4)
    assert silent["lengthwise_connections"] == 2  # what is, not what was
    assert seen(_page(1), _page(2))[requests] == 30  # it was but silent
    for _ in range(2):  # it has died: another process, with another start, has its name
        again = seen(_page(3), _page(2))
        assert (again[requests], again[waits]) == (10 + 30 + 20, 6)
    assert seen(_page(3), None)[requests] == 60
    assert again["lengthwise_worker_preemptions_total"] == 7


def test_every_gauge_has_one_rule() -> None:
    rows = ROW.findall((DEPLOY / "METRICS.md").read_text(encoding="utf-8"))
    gauges = {name for name, kind in rows if kind == "gauge" and not name.startswith(APART)}
    own = {name for name in gauges if name.startswith("lengthwise_process_")}
    rules = [*LARGEST, *LEAST, *SUMMED]
    assert len(rules) == len(set(rules))
    assert gauges - own - set(rules) == set(), "add to a table of gateway/fronts/rules.py"
    known = gauges | {name.removesuffix("_total") for name, _ in rows}
    assert set(rules) - known == set(), "no metrics any more"
