"""Each flag of ``lengthwise simulate`` reaches the setting that it names."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from gateway.simulate import arm_options, options
from gateway.simulate.arm_options import Budget
from gateway.simulate.command import add_simulate_arguments
from gateway.simulate.inputs.forecasts import Forecasting
from gateway.simulate.inputs.source import RequestSource
from scheduler.length import LengthDistribution
from scheduler.sim.arms import Arm
from scheduler.sim.request import Request

SOURCE = RequestSource(
    "three requests",
    3,
    lambda index, rng: Request(1, 1, LengthDistribution.point(1)),
    times=[0.0, 1.0, 2.0],
)


def flags(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_simulate_arguments(parser)
    return parser.parse_args(["--out", "out", *map(str, words)])


def arm(*words: object) -> Arm:
    """The only arm of the flags."""
    (only,) = arm_options.arms(flags("--policies", "sejf", *words))
    return only


def test_the_flags_of_an_arm_reach_it() -> None:
    assert arm() == Arm("sejf", priority=True)
    assert not arm("--scheduling-policy", "fcfs").priority
    assert arm("--tenants").tenants
    assert arm("--engine-queue", 5).engine_queue == 5
    assert arm("--gateway-latency", 0.2).latency == 0.2
    assert arm("--ageing", 0.3).ageing == 0.3
    assert arm("--level", 0.5).level == 0.5
    assert arm("--kv-overflow", 0.2).overflow == 0.2


def test_stock_has_no_gateway_and_so_no_latency_of_the_gateway() -> None:
    (stock,) = arm_options.arms(flags("--policies", "stock", "--gateway-latency", 0.2))
    assert stock.latency == 0


def test_every_combination_of_settings_is_an_arm() -> None:
    words = ("--policies", "sejf", "--ageing", "0.1,0.2", "--level", "0.5,0.8")
    made = arm_options.arms(flags(*words, "--kv-overflow", "0.1,0.2"))
    settings = [(one.ageing, one.level, one.overflow) for one in made]
    assert len(set(settings)) == len(settings) == 8


def test_a_budget_adds_the_policy_that_it_is_relative_to() -> None:
    made = arm_options.arms(flags("--policies", "sejf", "--p99-budget", "1.1"))
    assert [one.policy for one in made] == ["sejf", "fcfs"]


def test_a_budget_is_relative_unless_it_ends_in_s() -> None:
    assert arm_options.latency_budget(flags("--p99-budget", "1.1")) == Budget(1.1, relative=True)
    assert arm_options.latency_budget(flags("--p99-budget", "30s")) == Budget(30, relative=False)
    assert arm_options.latency_budget(flags()) is None


def test_the_limits_of_the_engines_reach_the_simulator() -> None:
    engines = ("--workers", 3, "--kv-tokens", 640, "--max-num-seqs", 7, "--block-size", 32)
    limits = ("--max-num-batched-tokens", 99, "--max-model-len", 500)
    servers = options.engine_setup(flags(*engines, *limits)).servers()
    assert len(servers) == 3
    config = servers[0].config
    assert (config.num_blocks, config.block_size) == (20, 32)
    assert (config.max_num_seqs, config.max_num_batched_tokens) == (7, 99)
    assert config.max_model_len == 500


@pytest.fixture
def cost_model(tmp_path: Path) -> Path:
    path = tmp_path / "costs.json"
    model = {
        "worker": "http://w",
        "model": "m",
        "measured_at": "2026-01-01T00:00:00+00:00",
        "vllm_version": "0.32.0",
        "costs": {"base": 1.0, "per_sequence": 0, "per_kv_token": 0, "per_prefill_token": 0},
        "limits": {"kv_tokens": 3200, "max_num_seqs": 3, "max_model_len": 900},
        "fit": {"median_error": 0.0, "worst_error": 0.0, "request_latency": 0.0},
        "points": [],
    }
    path.write_text(json.dumps(model))
    return path


def test_a_cost_model_sets_what_the_flags_leave_open(cost_model: Path) -> None:
    setup = options.engine_setup(flags("--cost-model", cost_model, "--max-num-seqs", 5))
    assert (setup.kv_tokens, setup.max_num_seqs, setup.max_model_len) == (3200, 5, 900)
    assert setup.costs.base == 1.0


def test_castillo_is_simulated_with_a_shorter_context_than_own_requests() -> None:
    assert options.engine_setup(flags()).max_model_len == 4096
    assert options.engine_setup(flags("--requests", "file")).max_model_len == 131_072


def test_a_run_has_all_requests_of_a_file_unless_a_count_is_given() -> None:
    assert options.request_count(flags("--requests", "file"), SOURCE) == 3
    assert options.request_count(flags("--requests", "file", "--count", 9), SOURCE) == 9
    assert options.request_count(flags(), SOURCE) == 2000


def test_recorded_arrivals_are_the_default_and_keep_the_order() -> None:
    arrivals = options.arrival_process(flags(), SOURCE)
    assert (arrivals.name, arrivals.own, list(arrivals.times)) == ("own", True, [0.0, 1.0, 2.0])
    assert options.arrival_process(flags("--arrivals", "gamma:3"), SOURCE).cv == 3


def test_a_load_of_none_stands_for_the_recorded_rate() -> None:
    arrivals = options.arrival_process(flags(), SOURCE)
    assert arm_options.loads(flags("--loads", "own,0.5"), arrivals) == [None, 0.5]


def test_the_share_of_streamed_answers_is_one_unless_given() -> None:
    assert options.streamed_share(flags()) == 1
    assert options.streamed_share(flags("--streamed", 0.25)) == 0.25
    with pytest.raises(ValueError, match=r"--streamed 1.5: give a share from 0 to 1"):
        options.streamed_share(flags("--streamed", 1.5))


def test_the_prompts_and_the_predictor_are_those_of_the_flags() -> None:
    words = ("--model", "m", "--prompts", "all", "--tier", "refined", "--model-dir", "d")
    read = options.read_options(flags(*words, "--forecast-sigma", 0.2, "--data", "folder"))
    assert (read.model, read.held_out) == ("m", False)
    assert (read.sigma, read.data) == (0.2, Path("folder"))
    assert read.forecasting == Forecasting(Path("d"), "refined", learns=True)
    assert not options.read_options(flags("--no-learning")).forecasting.learns
