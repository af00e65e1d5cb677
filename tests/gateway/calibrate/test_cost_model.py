"""The cost model file is read back as written; a bad file is refused with field and value."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.calibrate.cost_model import CostModel, CostModelError, load_cost_model
from scheduler.sim.costs import StepCosts


def model() -> CostModel:
    return CostModel.model_validate(
        {
            "worker": "http://127.0.0.1:8000",
            "model": "m",
            "measured_at": "2026-01-02T03:04:05Z",
            "vllm_version": "0.32.0",
            "costs": {
                "base": 0.01,
                "per_sequence": 1e-4,
                "per_kv_token": 1e-7,
                "per_prefill_token": 1e-5,
            },
            "limits": {"max_model_len": 4096},
            "fit": {"median_error": 0.01, "worst_error": 0.05, "request_latency": 0.002},
            "points": [
                {
                    "kind": "decode",
                    "sequences": 2,
                    "context": 64.5,
                    "seconds": 0.011,
                    "fitted": 0.0105,
                    "repeats": 3,
                }
            ],
        }
    )


def written(folder: Path, **changed: Any) -> Path:
    path = folder / "cost-model.json"
    path.write_text(json.dumps({**model().model_dump(), **changed}))
    return path


def test_a_saved_model_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "cost-model.json"
    model().save(path)
    assert load_cost_model(path) == model()
    assert [file.name for file in tmp_path.iterdir()] == ["cost-model.json"]


def test_the_costs_become_step_costs_of_the_simulator() -> None:
    assert model().step_costs == StepCosts(0.01, 1e-4, 1e-7, 1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": 2}, "format: input should be 1 (got 2)"),
        ({"speed": 2}, "speed: is unknown to this version"),
        ({"costs": {"base": -0.5}}, "costs.base: input should be greater than or equal to 0"),
        ({"costs": {"base": 0.1}}, "costs.per_kv_token: is missing"),
        ({"costs": {"base": float("nan")}}, "costs.base: input should be a finite number"),
        ({"points": 7}, "points: input should be a valid"),
    ],
)
def test_a_bad_field_is_named_with_value_and_remedy(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, **changed)
    with pytest.raises(CostModelError) as caught:
        load_cost_model(path)
    assert f"{path}: {message}" in str(caught.value)
    assert "lengthwise calibrate" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"[", b"\xff", b"3"])
def test_a_file_that_is_no_cost_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cost-model.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CostModelError, match=r"cost-model\.json.*\n?.*lengthwise calibrate"):
        load_cost_model(path)
