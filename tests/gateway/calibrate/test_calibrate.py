"""``lengthwise calibrate`` finds an emulated server's known costs, and says what it refuses."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.calibrate.client import CalibrationClient
from gateway.calibrate.cost_model import CostModel, load_cost_model
from gateway.calibrate.run import summary
from gateway.calibrate.stream import Stream
from gateway.cli import main
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import forced

COSTS = StepCosts(base=0.012, per_sequence=600e-6, per_kv_token=2e-6, per_prefill_token=40e-6)
"""Steps long enough that a busy machine's own delays stay small beside them."""

CONFIG = EmulatorConfig(engine=EngineConfig(max_num_seqs=6), costs=COSTS)
FAST = StepCosts(base=1e-3, per_sequence=1e-5, per_kv_token=0, per_prefill_token=0)


def calibrate(url: str, folder: Path, *flags: str) -> CostModel:
    path = folder / "cost-model.json"
    assert main(["calibrate", "--worker", url, "--out", str(path), *flags]) == 0
    return load_cost_model(path)


TOLERANCE = 0.2
STEPS = [(batch, batch * context, 0) for batch in (1, 2, 6) for context in (50, 1000)]
PREFILL = (1, 1000, 999)


def is_priced_right(model: CostModel, step: tuple[int, int, int]) -> bool:
    return model.step_costs.seconds(*step) == pytest.approx(COSTS.seconds(*step), rel=TOLERANCE)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> CostModel:
    with EmbeddedEmulator(CONFIG) as emulator:
        folder = tmp_path_factory.mktemp("calibrate")
        model = calibrate(emulator.url, folder, "--budget-s", "5", "--max-sequences", "8")
        assert emulator.engine.running == emulator.engine.waiting == 0, "the server is left idle"
    return model


@pytest.mark.parametrize("step", STEPS)
def test_steps_are_priced_as_the_emulator_prices_them(
    measured: CostModel, step: tuple[int, int, int]
) -> None:
    assert is_priced_right(measured, step), measured.step_costs


def test_prefill_is_priced_as_the_emulator_prices_it(measured: CostModel) -> None:
    assert is_priced_right(measured, PREFILL), measured.step_costs


def test_a_request_costs_little_beside_its_steps(measured: CostModel) -> None:
    assert measured.costs.per_request < COSTS.base / 2  # HTTP in the engine's own thread


def test_the_file_holds_the_limits_the_points_and_the_error_of_the_fit(measured: CostModel) -> None:
    assert measured.model == "emulated"
    assert measured.vllm_version == "0.32.0+emulated"
    assert measured.limits.model_dump() == {
        "max_model_len": 8192,
        "kv_tokens": 65_536,
        "max_num_seqs": 6,
    }
    assert {point.kind for point in measured.points} == {"prefill", "decode", "turnover"}
    assert {point.sequences for point in measured.points if point.kind == "decode"} == {1, 2, 4, 6}
    assert measured.fit.median_error < 0.05


def test_a_small_kv_cache_is_not_overfilled(tmp_path: Path) -> None:
    engine = EngineConfig(num_blocks=40, block_size=16, max_model_len=640)
    with EmbeddedEmulator(EmulatorConfig(engine=engine, costs=FAST)) as emulator:
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


def test_a_refused_key_is_reported_with_the_flag_that_sets_it(
    emulator: EmbeddedEmulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = refusal(capsys, emulator.url, tmp_path)
    assert "the server requires an API key" in message
    assert "--api-key-env" in message
    monkeypatch.setenv("KEY", "wrong")
    message = refusal(capsys, emulator.url, tmp_path, "--api-key-env", "KEY")
    assert "the API key is refused" in message
    assert "wrong" not in message


async def test_the_right_key_opens_the_server(emulator: EmbeddedEmulator) -> None:
    async with CalibrationClient(emulator.url, "right") as client:
        await client.identify()
        assert (client.model, client.max_model_len) == ("emulated", 8192)


async def test_a_model_without_a_chat_template_is_measured_by_completions() -> None:
    refused_by_chats_alone = {"max_completion_tokens": 0}
    with EmbeddedEmulator(EmulatorConfig(costs=FAST)) as emulator:
        async with CalibrationClient(emulator.url, extra=refused_by_chats_alone) as client:
            await client.identify()
            await client.learn_prompts()
            stream = await client.stream(100, 7)
    assert stream.tokens == len(stream.events) == 7
    assert stream.prompt_tokens == pytest.approx(100, abs=3)


def test_a_busy_server_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def refused_beside_a_stream(url: str) -> str:
        body: dict[str, Any] = {"prompt": "Hi", "stream": True, "max_tokens": 5000}
        body["vllm_xargs"] = forced(5000)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + "/v1/completions", json=body) as stream,
        ):
            await stream.content.readline()
            return await asyncio.to_thread(refusal, capsys, url, tmp_path)

    with EmbeddedEmulator() as emulator:
        message = asyncio.run(refused_beside_a_stream(emulator.url))
    assert "is busy: 1 requests of other clients run" in message


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--model", "other"), "serves emulated; give one of these names"),
        (("--budget-s", "0"), "--budget-s 0.0: give a number above 0"),
        (("--max-sequences", "0"), "--max-sequences 0: give a number above 0"),
        (("--extra-body", "[1]"), "--extra-body '[1]': give a JSON object"),
        (("--extra-body", '{"temperature": 9}'), "temperature must be in [0, 2], got 9"),
        (("--api-key-env", "NOT_SET"), "NOT_SET: this environment variable is not set"),
    ],
)
def test_a_bad_flag_is_named_with_its_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
) -> None:
    with EmbeddedEmulator() as emulator:
        assert message in refusal(capsys, emulator.url, tmp_path, *flags)


def test_an_address_where_nothing_answers_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing answers at" in refusal(capsys, "http://127.0.0.1:9", tmp_path)


def test_an_address_with_a_path_is_refused(
    emulator: EmbeddedEmulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refusal(capsys, emulator.url + "/api", tmp_path)
    assert "has no /v1/models (status 404); --worker is the base URL" in message


def test_the_file_is_json_with_units_in_seconds(measured: CostModel, tmp_path: Path) -> None:
    measured.save(tmp_path / "again.json")
    costs = json.loads((tmp_path / "again.json").read_text())["costs"]
    assert set(costs) == {
        *("base", "per_sequence", "per_kv_token", "per_prefill_token", "per_request")
    }


def test_the_summary_states_each_cost_in_milliseconds(measured: CostModel) -> None:
    costs = {"base": 0.012, "per_sequence": 6e-4, "per_kv_token": 2e-6, "per_prefill_token": 4e-5}
    known = CostModel.model_validate(
        {
            **measured.model_dump(),
            "costs": {**costs, "per_request": 0.003},
            "fit": {"median_error": 0.012, "worst_error": 0.25, "request_latency": 0.0},
        }
    )
    assert summary(known).splitlines() == [
        "lengthwise: time of an engine step of emulated, the sum of:",
        "        12 ms  per step",
        "       0.6 ms  per sequence",
        "         2 ms  per 1,000 tokens in the KV cache",
        "        40 ms  per 1,000 prompt tokens",
        "         3 ms  per new request",
        "  error: 1.2% for the median measurement, 25.0% for the worst",
    ]


def test_tokens_are_spread_evenly_over_the_events_of_a_stream() -> None:
    stream = Stream(sent=0.0, events=(1.0, 2.0, 3.0, 4.0), prompt_tokens=5, tokens=8)
    assert [stream.tokens_until(moment) for moment in (0.5, 1.0, 3.5, 9.0)] == [0, 2, 6, 8]
