"""One page of metrics made of several."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    both = LastingCounts().metrics({"front-1": _page(1), "front-2": _page(2)}, {})
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


REQUESTS = 'lengthwise_requests_total{model="a"}'
WAITS = 'lengthwise_e2e_seconds_count{model="a"}'
MADE_FOR_A_PAGE = "lengthwise_usage_tokens_total"


def _seen(
    counts: LastingCounts, first: str | None, second: str | None, asked: Mapping[str, int]
) -> dict[str, float]:
    pages = {"front-1": first, "front-2": second}
    return _samples(page_of(counts.metrics(pages, asked).metrics()).decode())


def test_no_sum_falls_when_a_front_is_silent_dies_and_starts_again() -> None:
    counts = LastingCounts()
    assert _seen(counts, _page(1), _page(2), {})[REQUESTS] == 30
    silent = _seen(counts, None, _page(2), {})
    assert (silent[REQUESTS], silent[WAITS]) == (30, 4)
    assert silent["lengthwise_connections"] == 2  # what is, not what was
    assert _seen(counts, _page(1), _page(2), {})[REQUESTS] == 30  # it was but silent
    counts.ended("front-1", ())
    assert _seen(counts, None, _page(2), counts.lives())[REQUESTS] == 30
    for _ in range(2):
        again = _seen(counts, _page(3), _page(2), counts.lives())
        assert (again[REQUESTS], again[WAITS]) == (10 + 30 + 20, 6)
    assert _seen(counts, _page(3), None, counts.lives())[REQUESTS] == 60
    assert again["lengthwise_worker_preemptions_total"] == 7


def test_what_a_dead_front_has_kept_since_its_last_page_is_in_the_sums() -> None:
    counts = LastingCounts()
    later = list(text_string_to_metric_families(_page(3)))
    kept = later
    before = _page(1) + f"# TYPE {MADE_FOR_A_PAGE} counter\n"
    before += f"{MADE_FOR_A_PAGE} 5\n"
    asked = counts.lives()
    _seen(counts, before, _page(2), asked)
    counts.ended("front-1", kept)
    found = _seen(counts, None, _page(2), counts.lives())
    assert (found[REQUESTS], found[WAITS], found[MADE_FOR_A_PAGE]) == (30 + 20, 4, 5)
    assert found["lengthwise_connections"] == 2
    # An answer to a question from before the death is of the dead process, which has been counted.
    late = _seen(counts, before, _page(2), asked)
    assert (late[REQUESTS], late[WAITS], late[MADE_FOR_A_PAGE]) == (30 + 20, 4, 5)
    counts.ended("front-1", kept)  # it has died again, before anybody asked for its page
    assert _seen(counts, None, _page(2), counts.lives())[REQUESTS] == 2 * 30 + 20


def test_every_gauge_has_one_rule() -> None:
    rows = ROW.findall((DEPLOY / "METRICS.md").read_text(encoding="utf-8"))
    gauges = {name for name, kind in rows if kind == "gauge" and not name.startswith(APART)}
    own = {name for name in gauges if name.startswith("lengthwise_process_")}
    rules = [*LARGEST, *LEAST, *SUMMED]
    assert len(rules) == len(set(rules))
    assert gauges - own - set(rules) == set(), "add to a table of gateway/fronts/rules.py"
    known = gauges | {name.removesuffix("_total") for name, _ in rows}
    assert set(rules) - known == set(), "no metrics any more"
