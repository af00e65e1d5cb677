"""The live benchmark of the mix counts in seconds of the engine, and shows a lost pace."""

from pathlib import Path

import pytest

from scheduler.length import LengthDistribution
from scheduler.records import RequestRecord
from scheduler.sim.request import Request
from tests.bench.mix_live import scaled, sent, table
from tests.bench.paced_emulator import Pace
from tests.bench.sustained import Journal

STATISTICS = ("p99_normalised_latency", "mean_ttft", "p99_ttft", "mean_e2e")


def add(journal: Journal, file: str, arm: str, figure: float, simulated: float) -> None:
    columns = ("mean_normalised_latency", "p99_e2e", "throughput_tokens", "preemptions")
    run = {"arm": arm, "seed": 0 if file == "a" else 1, **dict.fromkeys(STATISTICS, 1.0)}
    run |= dict.fromkeys(columns, figure)
    in_simulation = dict.fromkeys(columns, simulated)
    journal.add(file=file, regime="0.9", arm=arm, run=run, pace=1.0, simulated=in_simulation)


def test_a_ratio_is_the_mean_over_the_files_of_the_ratios_within_a_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "runs.jsonl")
    for file, stock, ours in (("a", 10.0, 5.0), ("b", 100.0, 30.0)):
        add(journal, file, "stock", stock, 8.0)
        add(journal, file, "default", ours, 2.0)
    row = "| 0.9 | default | 0.40 (0.25) | 0.40 (0.25) | 0.40 (0.25) | 18 (2) | 1.00 |"
    assert row in table(journal)


def test_a_late_step_shows_in_the_pace_and_an_idle_engine_does_not() -> None:
    pace = Pace()
    pace.step(10.0, 2.0, continues=False)
    pace.step(13.0, 2.0, continues=True)
    pace.step(99.0, 2.0, continues=False)
    pace.step(101.0, 2.0, continues=True)
    assert (pace.taken, pace.due) == (5.0, 4.0)


def test_latencies_are_in_seconds_of_the_engine() -> None:
    record = RequestRecord(1.0, first_token=2.0, last_token=3.0, finished=3.0, output_tokens=10)
    assert scaled(record, 4.0).e2e == 8.0
    assert scaled(record, 4.0).normalised_latency == pytest.approx(0.8)


def test_a_client_sends_the_prompt_and_the_length_but_not_the_file_s_counts() -> None:
    messages = [{"role": "user", "content": "Hello"}]
    body = {"model": "m", "messages": messages, "prompt_tokens": 9, "output_tokens": 5}
    request = Request(9, 5, LengthDistribution.point(5), "m", streamed=False)
    wanted = {"model": "m", "messages": messages, "vllm_xargs": {"target_tokens": 5}}
    assert sent(body, request) == wanted
