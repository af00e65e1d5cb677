"""``lengthwise simulate``: from the flags to the printed table and the files."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.cli import main

KEYS = {
    "policy",
    "load",
    "arrivals",
    "kv_tokens",
    "max_num_seqs",
    "seed",
    "mean_normalised_latency",
    "mean_e2e",
    "p99_e2e",
    "mean_ttft",
    "p99_ttft",
    "throughput_tokens",
    "preemptions",
    "max_wait",
}


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path, rng = tmp_path / "requests.jsonl", Random(1)
    with path.open("w") as file:
        for number in range(80):
            row = {
                "model": "m",
                "prompt": f"Write {number} words.",
                "prompt_tokens": rng.randint(5, 200),
                "output_tokens": rng.randint(1, 400),
                "arrival": number / 10,
            }
            file.write(json.dumps(row) + "\n")
    return path


def simulate(out: Path, *flags: object) -> tuple[int, list[dict[str, Any]]]:
    code = main(["simulate", "--out", str(out), "--tier", "fast", *map(str, flags)])
    report = out / "report.json"
    return code, json.loads(report.read_text()) if report.exists() else []


def test_it_reports_every_run_and_draws_the_plots(
    requests: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--max-num-seqs", 4, "--loads", "0.8,1.2", "--seeds", 2, "--arrivals", "gamma:3")
    code, rows = simulate(tmp_path / "out", "--requests", requests, *flags)
    assert code == 0
    assert len(rows) == 4 * 2 * 2
    assert all(row.keys() >= KEYS for row in rows)
    assert {row["policy"] for row in rows} == {"stock", "fcfs", "sejf", "oracle"}
    assert {(row["arrivals"], row["kv_tokens"], row["max_num_seqs"]) for row in rows} == {
        ("gamma", 24_000, 4)
    }
    for name in ("latency.png", "classes.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr()
    assert "s/token" in printed.out
    assert "80 requests" in printed.out
    assert "16/16 runs" in printed.err


def test_the_same_command_gives_the_same_report(requests: Path, tmp_path: Path) -> None:
    flags = ("--requests", requests, "--seeds", 1, "--loads", "1", "--workers", 2)
    assert simulate(tmp_path / "a", *flags) == simulate(tmp_path / "b", *flags)


def test_requests_are_replayed_at_their_recorded_rate_and_a_policy_is_recommended(
    requests: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("--policies", "sejf,sept", "--ageing", "0.01,0.1", "--level", "0.5,0.85")
    flags = ("--loads", "own", "--seeds", 1, "--p99-budget", "3", "--max-num-seqs", 2)
    code, rows = simulate(tmp_path / "out", "--requests", requests, *settings, *flags)
    assert code == 0
    assert [(row["policy"], row["ageing"], row["level"]) for row in rows] == [
        ("sejf", 0.01, 0.5),
        ("sejf", 0.01, 0.85),
        ("sejf", 0.1, 0.5),
        ("sejf", 0.1, 0.85),
        ("sept", 0.01, None),
        ("sept", 0.1, None),
        ("fcfs", None, None),
    ]
    assert rows[0]["arrivals"] == "own"
    assert rows[0]["rate"] == pytest.approx(10.0)
    printed = capsys.readouterr().out
    assert (
        "Best policy with p99 end-to-end latency <= 3 x fcfs at every load:\n  policy: " in printed
    )


def test_a_setting_is_tried_only_with_the_policies_it_matters_to(
    requests: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("--policies", "stock,fcfs,sejf,oracle", "--kv-overflow", "0.05,0.3")
    flags = ("--loads", "1.3", "--seeds", 1, "--kv-tokens", 6000)
    code, rows = simulate(tmp_path / "out", "--requests", requests, *settings, *flags)
    assert code == 0
    assert [(row["policy"], row["kv_overflow"]) for row in rows] == [
        ("stock", None),
        ("fcfs", 0.05),
        ("fcfs", 0.3),
        ("sejf", 0.05),
        ("sejf", 0.3),
        ("oracle", None),
    ]
    assert rows[1]["mean_e2e"] != rows[2]["mean_e2e"], "kv_overflow makes a difference"
    assert "sejf, 0.1, kv_overflow 0.3" in capsys.readouterr().out


def test_a_regime_map_runs_stock_and_the_policy_in_every_cell(
    requests: Path, tmp_path: Path
) -> None:
    flags = ("--loads", "1.1", "--seeds", 1, "--policies", "sejf", "--arrivals", "poisson")
    grid = ("--regime-map", "--map-kv", "2000,4000", "--map-seqs", "2,8")
    code, rows = simulate(tmp_path / "out", "--requests", requests, *flags, *grid)
    assert code == 0
    assert len(rows) == 1 + 2 * 2 * 2
    assert (tmp_path / "out" / "regimes.png").read_bytes().startswith(b"\x89PNG")


def test_a_cost_model_sets_step_times_and_limits(requests: Path, tmp_path: Path) -> None:
    costs = {"base": 1.0, "per_sequence": 0, "per_kv_token": 0, "per_prefill_token": 0}
    model = {
        "worker": "http://w",
        "model": "m",
        "measured_at": "2026-01-01T00:00:00+00:00",
        "vllm_version": "0.32.0",
        "costs": costs,
        "limits": {"kv_tokens": 3200, "max_num_seqs": 3},
        "fit": {"median_error": 0.0, "worst_error": 0.0, "request_latency": 0.0},
        "points": [],
    }
    (tmp_path / "costs.json").write_text(json.dumps(model))
    flags = ("--loads", "0.5", "--seeds", 1, "--cost-model", tmp_path / "costs.json")
    code, rows = simulate(tmp_path / "out", "--requests", requests, *flags)
    assert code == 0
    assert (rows[0]["kv_tokens"], rows[0]["max_num_seqs"]) == (3200, 3)
    assert rows[0]["mean_normalised_latency"] >= 1.0  # a step, and so a token, takes a second


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--policies", "sejf,lifo"], "--policies sejf,lifo: unknown policy 'lifo'; known are"),
        (["--loads", "1,much"], "--loads: 'much'; give a number from 0.01"),
        (
            ["--loads", "own", "--arrivals", "poisson"],
            "--loads own: poisson arrivals have no",
        ),
        (["--arrivals", "gamma:0"], "--arrivals: '0'; give a number from 0.05"),
        (["--arrivals", "nowhere"], "--arrivals nowhere: nowhere has no arrivals; give Parquet"),
        (["--ageing", "-1"], "--ageing: '-1'; give a number from 0"),
        (["--level", "0"], "--level: '0'; give a number from 0.001"),
        (["--kv-overflow", "0.6"], "--kv-overflow: '0.6'; give a number from 1e-06 to 0.5"),
        (["--seeds", "0"], "--seeds 0: give at least 1"),
        (["--workers", "0"], "--workers 0: give at least 1"),
        (["--kv-tokens", "5"], "--kv-tokens 5: give at least 16"),
        (["--kv-tokens", "16"], "fits an engine: its KV cache or context is too small"),
        (["--p99-budget", "soon"], "--p99-budget: 'soon'; give a number"),
        (["--cost-model", "none.json"], "none.json: cannot be read"),
        (["--model-dir", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_refused_with_its_remedy(
    flags: list[str],
    message: str,
    requests: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, rows = simulate(tmp_path / "out", "--requests", requests, *flags)
    assert (code, rows) == (2, [])
    assert message in capsys.readouterr().err


@pytest.mark.castillo
def test_the_default_is_castillo_with_prompts_held_out_of_training(
    castillo_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (
        "--data",
        castillo_data,
        "--count",
        150,
        "--seeds",
        1,
        "--loads",
        "1",
        "--policies",
        "sejf",
    )
    code, rows = simulate(tmp_path / "out", *flags)
    assert code == 0
    assert rows[0]["requests"] + rows[0]["dropped"] == 150
    assert "held out of the predictor's training" in capsys.readouterr().out
