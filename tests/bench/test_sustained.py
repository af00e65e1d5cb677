"""The sustained benchmark continues after an interruption; its statistics are correct."""

from dataclasses import asdict
from pathlib import Path

import pytest

from scheduler.records import RequestRecord
from scheduler.sim.costs import StepCosts
from tests.bench.report import Run, ratios, summarise
from tests.bench.sustained import ARMS, PAIRS, Journal, achieved_rate


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
    return Run.measured(arm, seed, records, preemptions=preemptions, cpu_seconds=1.0)


def test_finished_runs_are_found_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs.jsonl")
    finished = run("fcfs", 3, 2.0)
    journal.add(regime="kv", seed=3, arm="fcfs", rate=1.5, run=asdict(finished))
    again = Journal(tmp_path / "runs.jsonl")
    assert again.find(regime="kv", seed=3, arm="fcfs") is not None
    assert again.find(regime="kv", seed=3, arm="stock") is None
    assert again.runs("kv") == [finished]
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
    assert again.runs("slots") == [], "a line with costs is no run"


def test_load_1_is_the_rate_until_nine_of_ten_have_ended() -> None:
    records = [record(0.0, float(end)) for end in range(1, 10)] + [record(0.0, 100.0)]
    assert achieved_rate(records) == pytest.approx(1.0)


def test_a_run_has_the_statistics_of_its_requests() -> None:
    measured = run("stock", 0, 4.0, preemptions=7)
    assert measured.mean_e2e == 4.0
    assert measured.mean_normalised_latency == pytest.approx(400.0)
    assert measured.throughput_tokens == pytest.approx(20 / 5.0)
    assert measured.engine_cpu == pytest.approx(1000 / 20)
    assert measured.preemptions == 7


def test_ratios_are_taken_within_a_repeat_that_has_both_arms() -> None:
    runs = [run("stock", 0, 4.0), run("fcfs", 0, 2.0), run("stock", 1, 8.0)]
    assert ratios(runs, "mean_e2e", "fcfs", "stock") == [0.5]
    assert ratios(runs, "preemptions", "fcfs", "stock") == []


def test_an_unfinished_benchmark_has_a_table() -> None:
    table = summarise([run("stock", 0, 4.0)], "a setting", ARMS, PAIRS)
    assert "| mean E2E, s | 4 (4..4) | - | - | - | - |" in table
