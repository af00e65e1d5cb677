"""What a report says was saved is what the policy saves, or it says nothing."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from gateway.calibrate.cost_model import CostModel, Costs, FitErrors, Limits
from gateway.config.settings import Config
from gateway.report.page.fit import check, remedies
from gateway.report.page.saved import conclusion
from gateway.report.page.settings import conclusion as settings_conclusion
from gateway.report.saved import Case, replay_log
from gateway.report.served import read_served
from gateway.report.settings import advise, is_worth_it
from gateway.report.stretches import STRETCHES, stretches
from predictor.served_log import ServedRecord
from scheduler.sim.arms import Arm
from scheduler.sim.simulator import Outcome, simulate
from tests.gateway.replay.traffic import COSTS, SETUP, Traffic, traffic
from tests.gateway.report.logs import BEGUN, records, written

NOW = BEGUN + 1e6


@pytest.fixture(scope="module")
def seen() -> Traffic:
    """Traffic that waits for slots."""
    return traffic(count=400)


@pytest.fixture(scope="module")
def found(seen: Traffic, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Case]:
    served = read_served(written(tmp_path_factory.mktemp("log"), records(seen)), NOW)
    return replay_log(served, Config(), None, 10_000)


def _mean_e2e(outcome: Outcome) -> float:
    return fmean(record.e2e or 0.0 for record in outcome.ended)


def test_the_saving_is_the_difference_of_two_simulations(
    seen: Traffic, found: tuple[dict[str, Any], Case]
) -> None:
    saved, _ = found
    assert saved["state"] == "ok"
    assert saved["measured"] == saved["replayed"] == 400
    assert abs(saved["model"]["error_ratio"]["mean_e2e"]) < 0.05
    for baseline in ("fcfs", "stock"):
        true = _mean_e2e(seen.under(baseline)) - _mean_e2e(seen.outcome)
        told = saved["saved"][baseline]["all"]["mean_e2e"]
        assert told["seconds"] == pytest.approx(true, rel=0.2, abs=0.05)
        assert told["low"] < true < told["high"]


def test_the_conclusion_tells_the_saving_and_who_lost(found: tuple[dict[str, Any], Case]) -> None:
    saved, _ = found
    sentence = conclusion(saved).replace("\N{NO-BREAK SPACE}", " ")
    share = saved["saved"]["fcfs"]["all"]["mean_per_token"]["share"]
    assert f"sejf saved {share:.0%}".replace("%", " %") in sentence
    assert "answers of 65 to 256 tokens lost" in sentence
    slowest = saved["saved"]["fcfs"]["all"]["p99_e2e"]
    assert ("the p99 of the whole time is" in sentence) == (slowest["high"] < 0)
    assert saved["saved"]["fcfs"]["256"]["mean_e2e"]["high"] < 0


def test_a_replay_that_does_not_fit_shows_no_saving(seen: Traffic, tmp_path: Path) -> None:
    slow = read_served(written(tmp_path, records(seen, slower=2.0)), NOW)
    saved, _ = replay_log(slow, Config(), None, 10_000)
    assert saved["state"] == "model_off"
    assert saved["saved"] == {}
    assert "No saving is shown" in conclusion(saved)


def _model_off(**model: Any) -> dict[str, Any]:
    """Figures of a replay that does not fit."""
    errors = {"mean_e2e": 0.02, "p99_e2e": -0.31, "mean_ttft": 0.5, "p99_ttft": 0.1}
    whole = {"error_ratio": errors, "cost_factor": 1.0, "tolerance": 0.2, **model}
    arms = {"actual": {"all": {"mean_e2e": 2.0}}, "present": {"all": {"mean_e2e": 2.04}}}
    return {"state": "model_off", "model": whole, "arms": arms, "costs_from": "log"}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            {"beyond": ["p99_e2e"]},
            "off by −31 % in the p99 of the whole time (allowed: 25 %).",
        ),
        (
            {"beyond": ["p99_e2e", "mean_ttft", "cost_factor"], "cost_factor": 2.0},
            "off by +50 % in the mean time to the first token (allowed: 20 % of the whole time).",
        ),
        (
            {"beyond": ["cost_factor"], "cost_factor": 1.42},
            "fits only with engine steps that take 1.42 times as long as by the log "
            "(cost_factor; allowed: 0.83 to 1.20).",
        ),
        ({"beyond": []}, "no measured answer could be replayed."),
    ],
)
def test_the_page_names_the_figure_that_is_off_and_no_other(
    model: dict[str, Any], words: str
) -> None:
    saved = _model_off(**model)
    assert conclusion(saved).replace("\N{NO-BREAK SPACE}", " ").endswith(words)
    table = "".join(check(saved))
    assert table.count("too far") == len(model["beyond"])
    assert f"× {model.get('cost_factor', 1.0):.2f}" in table
    remedy = "".join(remedies(saved))
    assert "--cost-model" in remedy
    assert ("a cost factor far from 1 comes from" in remedy) == ("cost_factor" in model["beyond"])


def _later(record: ServedRecord, seconds: float) -> ServedRecord:
    names = ("arrival", "dispatched", "first_token", "last_token", "finished")
    return replace(record, **{name: getattr(record, name) + seconds for name in names})


def test_a_model_that_came_late_is_replayed_once_it_came(seen: Traffic, tmp_path: Path) -> None:
    late = records(traffic(count=150), model="new", worker="http://gpu-2:8000")
    both = [*records(seen), *(_later(one, 140.0) for one in late)]
    both.sort(key=lambda record: record.finished)
    saved, case = replay_log(read_served(written(tmp_path, iter(both)), NOW), Config(), None, 10**4)
    assert saved["state"] == "ok"
    advice = advise(case)
    assert advice["chosen_on"] + advice["confirmed_on"] == 550
    assert advice["verdict"] in ("keep", "change")


def test_few_answers_have_no_replay(tmp_path: Path) -> None:
    few = read_served(written(tmp_path, records(traffic(count=60))), NOW)
    saved, case = replay_log(few, Config(), None, 10_000)
    assert saved["state"] == "few_requests"
    assert advise(case) == {"verdict": "no_replay"}
    assert "too few" in conclusion(saved)


def test_a_large_log_is_replayed_in_stretches_with_what_ran_before(
    seen: Traffic, tmp_path: Path
) -> None:
    served = read_served(written(tmp_path, records(seen)), NOW)
    part = stretches(served, 160)
    size = 160 // STRETCHES
    assert sum(part.window.measured) == STRETCHES * (size - size // 10)
    assert part.requests > 160  # some were under way where a stretch begins
    assert part.requests + part.left_out == 400
    arrivals = [one.begun.arrival for one in part.window.seen]
    assert arrivals == sorted(arrivals)
    running = [one for one in part.window.seen if not one.measured]
    assert len(running) == part.requests - sum(part.window.measured)


def test_a_better_setting_is_found_and_confirmed(seen: Traffic, tmp_path: Path) -> None:
    fcfs = traffic(SETUP | {"policy": "fcfs"}, count=700)
    served = read_served(written(tmp_path, records(fcfs)), NOW)
    config = Config.model_validate({"scheduling": {"policy": "fcfs"}})
    saved, case = replay_log(served, config, None, 10_000)
    assert saved["state"] == "ok"
    advice = advise(case)
    assert advice["verdict"] == "change"
    assert advice["best"].startswith("scheduling.policy: ")
    assert advice["snippet"].startswith("scheduling:\n  policy: ")
    assert Config.model_validate({"scheduling": {"policy": advice["snippet"].split()[-1]}})
    gain = advice["gains"]["all"]["mean_per_token"]
    assert 0 < gain["low"] < gain["seconds"] < gain["high"]
    assert 0.2 < gain["share"] < gain["share_high"]
    assert gain["share_low"] / gain["share"] == pytest.approx(gain["low"] / gain["seconds"])
    sentence = settings_conclusion(advice).replace("\N{NO-BREAK SPACE}", " ")
    chosen = advice["snippet"].split()[-1]
    assert sentence.startswith(
        f"Set scheduling.policy: {chosen}: on requests that it was not chosen"
    )
    assert f"by {gain['share']:.0%}".replace("%", " %") in sentence
    assert advice["chosen_on"] + advice["confirmed_on"] == saved["measured"]


def test_what_is_chosen_has_not_seen_what_confirms_it(seen: Traffic, tmp_path: Path) -> None:
    costs = CostModel(
        worker="w",
        model="m",
        measured_at="2026-11-30",
        vllm_version="0",
        costs=Costs(**asdict(COSTS)),
        limits=Limits(max_num_seqs=4),
        fit=FitErrors(median_error=0, worst_error=0, request_latency=0),
        points=(),
    )
    early = int(0.6 * len(seen.requests))
    calm = [at if n < early else at + 20 * (n - early + 1) for n, at in enumerate(seen.arrivals)]
    outcome = simulate(seen.requests, calm, seen.servers, Arm("sejf", priority=True))
    advice = []
    for name, one in (("as-is", seen), ("calm", replace(seen, arrivals=calm, outcome=outcome))):
        served = read_served(written(tmp_path / name, records(one)), NOW)
        _, case = replay_log(served, Config(), costs, 10_000)
        advice.append(advise(case))
    assert advice[0]["chosen_on"] == advice[1]["chosen_on"] == early
    for one, other in zip(advice[0]["tried"], advice[1]["tried"], strict=True):
        assert one["name"] == other["name"]  # the whole log tells how fast the engine is
        assert one["ratio"] == pytest.approx(other["ratio"], rel=0.1)


def test_where_nothing_waits_nothing_is_to_be_changed(tmp_path: Path) -> None:
    idle = read_served(written(tmp_path, records(traffic(count=260, rate=0.2))), NOW)
    saved, case = replay_log(idle, Config(), None, 10_000)
    assert saved["state"] == "ok"
    assert "no clear difference" in conclusion(saved)
    assert advise(case)["verdict"] == "keep"


@pytest.mark.parametrize(
    ("low", "share", "guard", "worth"),
    [
        (0.001, 0.05, 1.0, True),
        (-0.001, 0.05, 1.0, False),  # it may be chance
        (0.001, 0.01, 1.0, False),  # it is small
        (0.001, 0.05, 1.2, False),  # the slowest pay for it
    ],
)
def test_only_a_clear_gain_is_worth_a_change(
    low: float, share: float, guard: float, worth: bool
) -> None:
    assert is_worth_it({"low": low, "share": share}, guard) == worth
