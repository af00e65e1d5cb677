"""What the shadow says was saved is what the policy saves, or it says nothing."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest

from gateway.replay.judge import equipped, figures, judge
from gateway.replay.pools import UnlikeWorkersError, pools
from gateway.replay.replay import replay
from gateway.replay.step_costs import learned_costs
from gateway.shadow.records import WorkerLimits
from scheduler.sim.simulator import Outcome
from tests.gateway.replay.traffic import COSTS, SCARCE_KV, SETUP, Traffic, traffic


@pytest.fixture(scope="module")
def slots() -> Traffic:
    """Traffic that waits for slots."""
    return traffic()


@pytest.fixture(scope="module")
def memory() -> Traffic:
    """Traffic that waits for KV memory."""
    return traffic(SCARCE_KV, rate=4.5)


@pytest.fixture(scope="module")
def slots_page(slots: Traffic) -> dict[str, Any]:
    return _page(slots)


@pytest.fixture(scope="module")
def memory_page(memory: Traffic) -> dict[str, Any]:
    return _page(memory)


def _page(seen: Traffic, **changes: Any) -> dict[str, Any]:
    window = seen.history().window(1e6, 1e7, 10_000)
    return judge(window, seen.setup | changes)


def _mean_e2e(outcome: Outcome) -> float:
    return fmean(record.e2e or 0.0 for record in outcome.ended)


@pytest.mark.parametrize("scarce", ["slots", "memory"])
def test_the_saving_is_the_difference_of_two_runs(
    scarce: str, request: pytest.FixtureRequest
) -> None:
    seen: Traffic = request.getfixturevalue(scarce)
    page: dict[str, Any] = request.getfixturevalue(f"{scarce}_page")
    assert page["state"] == "ok"
    assert page["model"]["beyond"] == []
    assert page["requests"] == len(seen.requests)
    for baseline in ("fcfs", "stock"):
        true = _mean_e2e(seen.under(baseline)) - _mean_e2e(seen.outcome)
        saved = page["saved"][baseline]["all"]["mean_e2e"]
        assert saved["seconds"] == pytest.approx(true, rel=0.2, abs=0.05)
        assert saved["low"] < true < saved["high"]
        assert saved["share"] == pytest.approx(
            saved["seconds"] / (saved["seconds"] + _mean_e2e(seen.outcome)), abs=0.02
        )
    assert abs(page["model"]["error_ratio"]["mean_e2e"]) < 0.1


def test_preemptions_are_saved_where_memory_is_scarce(
    memory: Traffic, memory_page: dict[str, Any]
) -> None:
    spared = memory.under("stock").preemptions - memory.outcome.preemptions
    assert spared > 15
    saved = memory_page["saved"]["stock"]
    assert saved["all"]["preemptions"] == pytest.approx(spared, rel=0.5)
    classes = [row["preemptions"] for name, row in saved.items() if name != "all"]
    assert sum(classes) <= saved["all"]["preemptions"]


def test_length_classes_are_by_the_tokens_that_came(
    slots: Traffic, slots_page: dict[str, Any]
) -> None:
    arms = slots_page["arms"]["actual"]
    lengths = [request.output_tokens for request in slots.requests]
    assert arms["64"]["requests"] == sum(length <= 64 for length in lengths)
    assert arms["256"]["requests"] == sum(64 < length <= 256 for length in lengths)
    assert "longer" not in arms


def test_a_model_that_is_off_says_by_how_much_and_nothing_else(slots: Traffic) -> None:
    window = slots.history(slower=2.0).window(1e6, 1e7, 10_000)
    page = judge(window, slots.setup)
    assert page["state"] == "model_off"
    assert page["saved"] == {}
    assert not 1 / 1.2 < page["model"]["cost_factor"] < 1.2  # each error alone may be small
    assert "cost_factor" in page["model"]["beyond"]


def test_a_small_error_of_the_costs_is_found_by_the_latencies(slots: Traffic) -> None:
    window = slots.history().window(1e6, 1e7, 10_000)
    found = equipped(window, slots.setup, COSTS.scaled(0.95))
    page = figures(replay(window, found, slots.setup), 0.2)
    assert page["model"]["cost_factor"] == pytest.approx(1 / 0.95, rel=0.02)
    true = _mean_e2e(slots.under("stock")) - _mean_e2e(slots.outcome)
    assert page["saved"]["stock"]["all"]["mean_e2e"]["seconds"] == pytest.approx(true, rel=0.1)


def test_costs_that_were_bent_until_they_fit_show_no_figures(slots: Traffic) -> None:
    window = slots.history().window(1e6, 1e7, 10_000)
    found = equipped(window, slots.setup, COSTS.scaled(0.7))
    page = figures(replay(window, found, slots.setup), 0.2)
    assert abs(page["model"]["error_ratio"]["mean_e2e"]) < 0.05
    assert page["model"]["beyond"] == ["cost_factor"]
    assert page["state"] == "model_off"


def test_step_costs_are_learned_from_what_ran_together(slots: Traffic) -> None:
    learned = learned_costs(slots.history().window(1e6, 1e7, 10_000).seen)
    assert learned is not None
    costs, error = learned
    for sequences, kv_tokens, prefill in ((1, 100, 0), (4, 600, 0), (4, 600, 100)):
        true = COSTS.seconds(sequences, kv_tokens, prefill)
        assert costs.seconds(sequences, kv_tokens, prefill) == pytest.approx(true, rel=0.1)
    assert error < 0.02


@pytest.mark.parametrize("per_request", [0.0, 0.1])
def test_requests_cost_where_that_explains_the_times(per_request: float) -> None:
    seen = traffic(costs=replace(COSTS, per_request=per_request), rate=1.5)
    learned = learned_costs(seen.history().window(1e6, 1e7, 10_000).seen)
    assert learned is not None
    assert learned[0].per_request == pytest.approx(per_request, rel=0.3)


def test_the_context_costs_where_that_explains_the_times() -> None:
    long = replace(COSTS, per_kv_token=4e-5)
    learned = learned_costs(traffic(costs=long, rate=1.5).history().window(1e6, 1e7, 10_000).seen)
    assert learned is not None
    assert learned[0].per_kv_token == pytest.approx(4e-5, rel=0.1)


def test_factors_that_the_times_do_not_tell_apart_cost_nothing(slots: Traffic) -> None:
    learned = learned_costs(slots.history(uneven=0.05).window(1e6, 1e7, 10_000).seen)
    assert learned is not None
    assert learned[0].per_request == learned[0].per_kv_token == 0
    assert learned[0].base == pytest.approx(COSTS.base, rel=0.15)


def test_prompts_cost_what_they_cost_where_they_make_steps_long() -> None:
    """Steps with a prompt take several times as long here, so that an answer's own are uneven."""
    true = replace(COSTS, per_prefill_token=1e-3)
    seen = traffic(SCARCE_KV, costs=true, rate=3).history().window(1e6, 1e7, 10_000).seen
    learned = learned_costs(seen)
    assert learned is not None
    assert learned[0].per_prefill_token == pytest.approx(1e-3, rel=0.03)


def test_an_answer_alone_is_faster_though_most_ran_in_a_full_batch() -> None:
    true = replace(COSTS, per_prefill_token=4e-4)
    seen = traffic(SCARCE_KV, costs=true, rate=6).history().window(1e6, 1e7, 10_000).seen
    learned = learned_costs(seen)
    assert learned is not None
    assert learned[0].seconds(1, 60, 0) == pytest.approx(true.seconds(1, 60, 0), rel=0.04)


def test_answers_that_are_not_streamed_have_costs_but_no_ttft(slots: Traffic) -> None:
    page = judge(slots.history(streamed=False).window(1e6, 1e7, 10_000), slots.setup)
    assert page["state"] == "ok"
    assert "mean_ttft" not in page["saved"]["stock"]["all"]
    assert "mean_e2e" in page["saved"]["stock"]["all"]


def test_few_requests_and_strange_workers_have_no_figures(slots: Traffic) -> None:
    few = traffic(count=90)
    assert _page(few)["state"] == "few_requests"
    gone = [("w", ("other",), 4, 1_000_000, 16, 8192)]
    assert _page(slots, workers=gone)["state"] == "unlike_workers"


def test_workers_that_share_some_models_have_no_one_queue() -> None:
    both = WorkerLimits("a", ("m", "n"), 4, None, 16, None)
    with pytest.raises(UnlikeWorkersError, match="'m'"):
        pools([both, WorkerLimits("b", ("m",), 4, None, 16, None)], [])


def test_the_present_policy_is_the_configured_one(slots: Traffic) -> None:
    page = _page(slots, policy="fcfs")  # what came, came under sejf
    assert page["policy"] == "fcfs"
    assert page["arms"]["present"] == page["arms"]["fcfs"]
    assert SETUP["policy"] == "sejf"


def test_whether_the_engine_heeds_priorities_is_found_out() -> None:
    deaf = traffic(heeds=False)
    exact = dict.fromkeys(("mean_e2e", "mean_per_token"), 0.0)
    errors = _page(deaf)["model"]["error_ratio"]
    assert {name: errors[name] for name in exact} == pytest.approx(exact, abs=0.03)
