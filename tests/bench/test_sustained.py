"""The sustained benchmark goes on where it was cut off, and its figures are what they say."""

from dataclasses import asdict
from pathlib import Path

import pytest

from scheduler.records import RequestRecord
from scheduler.sim.costs import StepCosts
from tests.bench.report import Run, ratios, summarise
from tests.bench.sustained import ARMS, PAIRS, Journal, achieved


def record(arrival: float, finished: float, tokens: int = 10) -> RequestRecord:
    return RequestRecord(
        arrival,
        first_token=arrival + 0.5,
        last_token=finished,
        finished=finished,
        output_tokens=tokens,
    )


def run(arm: str, seed: int, seconds: float, preemptions: float = 0.0) -> Run:
    records = [record(0.0, seconds), record(1.0, 1.0 + seconds)]
    return Run.of(arm, seed, records, preemptions=preemptions, cpu_seconds=1.0)


def test_finished_runs_are_found_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs.jsonl")
    made = run("fcfs", 3, 2.0)
    journal.add(regime="kv", seed=3, arm="fcfs", rate=1.5, run=asdict(made))
    again = Journal(tmp_path / "runs.jsonl")
    assert again.find(regime="kv", seed=3, arm="fcfs") is not None
    assert again.find(regime="kv", seed=3, arm="direct") is None
    assert again.runs("kv") == [made]
    assert again.runs("slots") == []


def test_an_engine_is_calibrated_once_for_all_runs(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs.jsonl")
    assert journal.costs("slots") is None
    costs = StepCosts(base=0.003, per_sequence=0.0001)
    journal.add(regime="slots", costs=asdict(costs))
    journal.add(regime="kv", seed=0, arm="fcfs", rate=1.5, run=asdict(run("fcfs", 0, 2.0)))
    again = Journal(tmp_path / "runs.jsonl")
    assert again.costs("slots") == costs
    assert again.costs("kv") is None
    assert again.runs("slots") == [], "costs are no run"


def test_load_1_is_counted_until_nine_of_ten_have_ended() -> None:
    records = [record(0.0, float(end)) for end in range(1, 10)] + [record(0.0, 100.0)]
    assert achieved(records) == pytest.approx(1.0)


def test_a_run_has_the_means_of_its_requests() -> None:
    made = run("direct", 0, 4.0, preemptions=7)
    assert made.mean_e2e == 4.0
    assert made.mean_normalised_latency == pytest.approx(400.0)
    assert made.throughput_tokens == pytest.approx(20 / 5.0)
    assert made.engine_cpu == pytest.approx(1000 / 20)
    assert made.preemptions == 7


def test_ratios_are_taken_within_a_repeat_and_only_of_what_was_run() -> None:
    runs = [run("direct", 0, 4.0), run("fcfs", 0, 2.0), run("direct", 1, 8.0)]
    assert ratios(runs, "mean_e2e", "fcfs", "direct") == [0.5]
    assert ratios(runs, "preemptions", "fcfs", "direct") == []


def test_an_unfinished_comparison_has_a_table_all_the_same() -> None:
    table = summarise([run("direct", 0, 4.0)], "a setting", ARMS, PAIRS)
    assert "| mean E2E, s | 4 (4..4) | - | - | - | - |" in table
