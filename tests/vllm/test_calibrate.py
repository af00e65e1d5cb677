"""``lengthwise calibrate`` measures a real vLLM."""

from pathlib import Path

import pytest

from gateway.calibrate.cost_model import load_cost_model
from gateway.cli import main
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm


@pytest.mark.alone
def test_a_real_server_is_measured_over_http_alone_and_left_idle(
    vllm_server: VllmServer, tmp_path: Path
) -> None:
    path = tmp_path / "cost-model.json"
    flags = ["--worker", vllm_server.url, "--out", str(path), "--budget-s", "10"]
    assert main(["calibrate", *flags]) == 0
    model = load_cost_model(path)
    assert model.vllm_version.startswith("0.32")
    assert model.limits.max_model_len == vllm_server.max_model_len
    assert model.limits.max_num_seqs == vllm_server.max_num_seqs
    config = vllm_server.cache_config()
    own_block = int(config["block_size"])  # the engine keeps one for itself
    assert model.limits.kv_tokens == int(config["kv_cache_size_tokens"]) - own_block
    # A CPU computes a thousand prompt tokens in much more time than a step of one sequence.
    assert 0 < model.step_costs.seconds(1, 16, 0) < model.step_costs.seconds(1, 1000, 999) / 2
    assert model.fit.median_error < 0.3
    metrics = vllm_server.metrics()
    assert metrics["vllm:num_requests_running"] == metrics["vllm:num_requests_waiting"] == 0
