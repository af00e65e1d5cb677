"""`lengthwise calibrate` finds an emulated server's known costs; refusals say why."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.calibrate.cost_model import CostModel, load_cost_model
from gateway.calibrate.fit import Measured, fit
from gateway.calibrate.measure import Sample
from gateway.cli import main
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import forced

COSTS = StepCosts(base=0.012, per_sequence=600e-6, per_kv_token=2e-6, per_prefill_token=40e-6)
CONFIG = EmulatorConfig(engine=EngineConfig(max_num_seqs=6), costs=COSTS)


def calibrate(url: str, folder: Path, *flags: str) -> CostModel:
    path = folder / "cost-model.json"
    assert main(["calibrate", "--worker", url, "--out", str(path), *flags]) == 0
    return load_cost_model(path)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> CostModel:
    with EmbeddedEmulator(CONFIG) as emulator:
        found = calibrate(emulator.url, tmp_path_factory.mktemp("calibrate"), "--budget-s", "5")
        assert emulator.engine.running == emulator.engine.waiting == 0, "it must be left idle"
    return found


@pytest.mark.parametrize("batch", [1, 2, 6])
@pytest.mark.parametrize("context", [50, 1000])
def test_steps_are_priced_as_the_emulator_prices_them(
    found: CostModel, batch: int, context: int
) -> None:
    priced = found.step_costs.price(batch, batch * context, 0)
    assert priced == pytest.approx(COSTS.price(batch, batch * context, 0), rel=0.2)


def test_prefill_is_priced_as_the_emulator_prices_it(found: CostModel) -> None:
    assert found.step_costs.price(1, 1000, 999) == pytest.approx(COSTS.price(1, 1000, 999), rel=0.2)


def test_a_request_costs_little_beside_its_steps(found: CostModel) -> None:
    assert found.costs.per_request < COSTS.base / 2  # HTTP in the engine's own thread


def test_the_file_tells_what_was_measured_and_how_well_it_fits(found: CostModel) -> None:
    assert found.model == "emulated"
    assert found.vllm_version == "0.32.0+emulated"
    assert found.limits.model_dump() == {
        "max_model_len": 8192,
        "kv_tokens": 65_536,
        "max_num_seqs": 6,
    }
    assert {point.kind for point in found.points} == {"prefill", "decode", "turnover"}
    assert {point.sequences for point in found.points if point.kind == "decode"} == {1, 2, 4, 6}
    assert found.fit.median_error < 0.05


def test_an_outlier_does_not_move_the_fit() -> None:
    samples = [
        Sample(COSTS.price(k, k * c, 0), k, k * c) for k in (1, 2, 4, 8) for c in (16, 256, 1024)
    ]
    samples[5] = Sample(5 * samples[5].seconds, samples[5].sequences, samples[5].kv_tokens)
    costs, quality, _ = fit([Measured("decode", [sample]) for sample in samples])
    assert costs.base == pytest.approx(COSTS.base, rel=0.02)
    assert costs.per_sequence == pytest.approx(COSTS.per_sequence, rel=0.1)
    assert costs.per_kv_token == pytest.approx(COSTS.per_kv_token, rel=0.1)
    assert quality.worst_error > 0.5


def test_a_small_kv_cache_is_not_overfilled(tmp_path: Path) -> None:
    engine = EngineConfig(num_blocks=40, block_size=16, max_model_len=640)
    with EmbeddedEmulator(EmulatorConfig(engine=engine, costs=COSTS)) as emulator:
        calibrate(emulator.url, tmp_path, "--budget-s", "0.1")
        assert emulator.engine.preemptions == 0


@pytest.fixture
def emulator() -> Iterator[EmbeddedEmulator]:
    with EmbeddedEmulator(EmulatorConfig(api_key="right")) as emulator:
        yield emulator


def refusal(capsys: pytest.CaptureFixture[str], url: str, folder: Path, *flags: str) -> str:
    out = folder / "cost-model.json"
    assert main(["calibrate", "--worker", url, "--out", str(out), *flags]) == 2
    assert not out.exists()
    return capsys.readouterr().err


def test_a_refused_key_is_said_with_the_flag_that_mends_it(
    emulator: EmbeddedEmulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = refusal(capsys, emulator.url, tmp_path)
    assert "wants a key" in said
    assert "--api-key-env" in said
    monkeypatch.setenv("KEY", "wrong")
    said = refusal(capsys, emulator.url, tmp_path, "--api-key-env", "KEY")
    assert "the key is refused" in said
    assert "wrong" not in said


def test_a_busy_server_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def beside(url: str) -> str:
        body: dict[str, Any] = {"prompt": "Hi", "stream": True, "max_tokens": 5000}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + "/v1/completions", json={**body, "vllm_xargs": forced(5000)}) as one,
        ):
            await one.content.readline()
            return await asyncio.to_thread(refusal, capsys, url, tmp_path)

    with EmbeddedEmulator() as emulator:
        said = asyncio.run(beside(emulator.url))
    assert "is busy: 1 requests run" in said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--model", "other"), "serves emulated; name one of those"),
        (("--budget-s", "0"), "--budget-s 0.0: give more than 0"),
        (("--extra-body", "[1]"), "--extra-body '[1]': give a JSON object"),
        (("--api-key-env", "NOT_SET"), "NOT_SET: that environment variable is not set"),
    ],
)
def test_a_bad_flag_is_named_with_its_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], said: str
) -> None:
    with EmbeddedEmulator() as emulator:
        assert said in refusal(capsys, emulator.url, tmp_path, *flags)


def test_a_server_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing answers at" in refusal(capsys, "http://127.0.0.1:9", tmp_path)


def test_an_address_with_a_path_is_said(
    emulator: EmbeddedEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, emulator.url + "/api", tmp_path)
    assert "does not serve /v1/models" in said


def test_the_file_is_json_with_units_in_seconds(found: CostModel, tmp_path: Path) -> None:
    found.save(tmp_path / "again.json")
    costs = json.loads((tmp_path / "again.json").read_text())["costs"]
    assert set(costs) == {
        *("base", "per_sequence", "per_kv_token", "per_prefill_token", "per_request")
    }
