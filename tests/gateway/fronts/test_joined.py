"""Operators' pages of several fronts as one: sums of what each has, and the one queue once."""

from __future__ import annotations

from typing import Any

from gateway.fronts import joined

URL = "http://127.0.0.1:8000"


def page(answers: int, *, healthy: bool = True, coverage: float | None = 0.8) -> dict[str, Any]:
    """The status of one front; the queue is the scheduler's, which all fronts show."""
    worker = {"url": URL, "healthy": healthy, "in_flight": 3, "draining": False, "cooling": False}
    return {
        "paused": False,
        "requests_in_flight": answers,
        "workers": [worker | {"on_trial": False, "problem": None, "ejected": None}],
        "queue": {"waiting": 7, "by_model": {"m": 7}, "starting_tokens_per_s": {"m": 50.0}},
        "forecasts": {
            "predictor": "p",
            "answers": answers,
            "interval_coverage": coverage,
            "mean_absolute_error_tokens": 10.0,
            "fallbacks": 1,
        },
        "saved": {"state": "off"},
        "configuration": {"last_reload": "ok", "needs_restart": []},
        "keys_problem": None,
    }


def test_the_queue_and_the_workers_count_once_and_what_each_front_has_is_a_sum() -> None:
    whole = joined.overview([page(10), page(30, healthy=False, coverage=0.6)])
    assert whole["requests_in_flight"] == 40
    assert whole["queue"] == page(1)["queue"]
    assert [(one["in_flight"], one["healthy"]) for one in whole["workers"]] == [(3, False)]
    forecasts = whole["forecasts"]
    assert (forecasts["answers"], forecasts["fallbacks"]) == (40, 2)
    assert forecasts["interval_coverage"] == 0.65


def test_a_front_without_answers_says_nothing_of_forecasts() -> None:
    whole = joined.overview([page(0, coverage=None), page(5, coverage=0.6)])
    assert whole["forecasts"]["interval_coverage"] == 0.6
    none = joined.overview([page(0, coverage=None)])
    assert none["forecasts"]["interval_coverage"] is None


def test_a_refused_reload_of_one_front_is_the_answer() -> None:
    good = {"ok": True, "changed": ["queue.timeout_s"], "restart": [], "error": ""}
    bad = {"ok": False, "changed": [], "restart": ["a.b"], "error": "line 3"}
    assert joined.reloaded([good, bad]) == {**bad, "changed": ["queue.timeout_s"]}


def test_the_rows_of_all_fronts_are_in_order() -> None:
    rows = [{"id": n, "position": n, "waited_s": 1.0} for n in (1, 2, 3, 4)]
    pages = [
        {"waiting": 4, "paused": False, "requests": rows[1::2]},
        {"waiting": 4, "paused": False, "requests": rows[::2]},
    ]
    page = joined.queue(pages, 3)
    assert (page["waiting"], [row["id"] for row in page["requests"]]) == (4, [1, 2, 3])
    keys = [{"key": "a", "waiting": 1, "running": 2, "output_tokens": 5}]
    assert joined.top([{"keys": keys}, {"keys": keys}], 9) == {
        "keys": [{"key": "a", "waiting": 2, "running": 4, "output_tokens": 10}]
    }


def test_what_needs_a_restart_at_one_front_shows() -> None:
    states = [{"last_reload": "ok", "needs_restart": names} for names in ([], ["usage.file"])]
    assert joined.configuration(states)["needs_restart"] == ["usage.file"]
