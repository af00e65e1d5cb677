"""The measurements count the work in their window; the loop keeps its budget and its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial

import aiohttp
import pytest

from gateway.calibrate.calibration import calibrate
from gateway.calibrate.client import CalibrationClient
from gateway.calibrate.errors import CalibrationError, NothingMeasuredError
from gateway.calibrate.measure import (
    LONGER,
    StepSample,
    add_entering_requests,
    decode,
    time_to_first_token,
    together,
    tried,
)
from gateway.calibrate.stream import Stream
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.costs import StepCosts
from tests.gateway.emulator.workers import long_request

FAST = StepCosts(base=1e-3, per_sequence=1e-5, per_kv_token=0, per_prefill_token=0)


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmbeddedEmulator]:
    with EmbeddedEmulator(EmulatorConfig(costs=FAST)) as running:
        yield running


@pytest.fixture
async def client(emulator: EmbeddedEmulator) -> AsyncIterator[CalibrationClient]:
    async with CalibrationClient(emulator.url) as entered:
        await entered.identify()
        await entered.learn_prompts()
        yield entered


async def test_a_prefill_is_one_request_whose_last_prompt_token_is_no_prefill(
    client: CalibrationClient,
) -> None:
    sample = await time_to_first_token(client, 200)
    assert sample.kv_tokens == pytest.approx(200, abs=3)
    assert sample.prefill_tokens == sample.kv_tokens - 1
    assert (sample.sequences, sample.requests) == (1, 1)


async def test_a_decode_counts_the_streams_and_their_tokens_in_the_kv_cache(
    client: CalibrationClient,
) -> None:
    sample, running = await decode(client, 3, 100, 40)
    assert running == sample.sequences == 3
    assert sample.kv_tokens == pytest.approx(3 * (100 + 20), rel=0.1), "half of the answer"
    assert sample.requests == sample.prefill_tokens == 0


def test_answers_that_come_whole_one_after_the_other_measure_nothing() -> None:
    streams = [Stream(0.0, (end,), prompt_tokens=9, tokens=4) for end in (1.0, 2.0)]
    with pytest.raises(NothingMeasuredError):
        together(streams)


@pytest.mark.parametrize("fails", [0, len(LONGER) - 1])
async def test_a_measurement_without_overlap_is_tried_again(fails: int) -> None:
    outcomes = iter([False] * fails + [True])
    assert await tried(partial(_measured, outcomes))


async def test_a_measurement_that_never_overlaps_is_an_error() -> None:
    with pytest.raises(CalibrationError):
        await tried(partial(_measured, iter([False] * len(LONGER))))


async def test_each_further_try_has_streams_as_long_as_it_says() -> None:
    tries: list[int] = []

    async def never(longer: int) -> None:
        tries.append(longer)
        raise NothingMeasuredError

    with pytest.raises(NothingMeasuredError):
        await tried(never)
    assert tries == list(LONGER)


async def _measured(outcomes: Iterator[bool], _: int) -> bool:
    if not next(outcomes):
        raise NothingMeasuredError
    return True


def test_entering_requests_count_between_the_first_end_and_the_last() -> None:
    step = StepSample(seconds=0.01, sequences=3, kv_tokens=300)
    ends = [1.0, 1.1, 1.2]
    sample = add_entering_requests(step, ends, [(end, 51) for end in ends])
    per_step = 2 / 20  # two requests in the twenty steps of 0.2 s
    assert sample.requests == pytest.approx(per_step)
    assert sample.sequences == pytest.approx(3 + per_step)
    assert sample.kv_tokens == pytest.approx(300 + 51 * per_step)
    assert sample.prefill_tokens == pytest.approx(50 * per_step)


async def test_a_short_budget_measures_each_point_once(client: CalibrationClient) -> None:
    done: list[int] = []
    calibration = await calibrate(client, 1, 1e-6, lambda count, total: done.append(count))
    points = calibration.plan.points()
    assert done == list(range(1, len(points) + 1))
    assert {len(samples) for samples in calibration.samples.values()} == {1}


async def test_a_client_that_comes_during_a_round_ends_the_calibration(
    client: CalibrationClient,
) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def disturb() -> None:
        async with (
            aiohttp.ClientSession(client.url) as session,
            long_request(session, streaming=True, tokens=8000) as answer,
        ):
            await answer

    def on_progress(done: int, total: int) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(disturb()))

    with pytest.raises(CalibrationError, match=r"is busy: 1 requests of other clients run"):
        await calibrate(client, 1, 1e-6, on_progress)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
