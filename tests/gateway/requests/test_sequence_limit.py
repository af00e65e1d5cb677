"""How many sequences one request may ask for."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import aiohttp
import pytest

from gateway.config.settings import Requests
from gateway.emulator import EmbeddedEmulator
from gateway.protocol.errors import ApiError
from gateway.protocol.sequences import Sequences
from gateway.requests.sequence_limit import check_sequences
from tests.gateway.harness import gateway
from tests.gateway.requests.answers import ask
from tests.gateway.scripted import ANSWER, answer, scripted

FOUR = {"max_num_seqs": 4}


@pytest.mark.parametrize(
    ("asked", "slots", "param", "said"),
    [
        (Sequences(n=5), 4, "n", ("n is 5,", "runs 4 sequences", "max_num_seqs")),
        (Sequences(n=9), math.inf, "n", ("n is 9:", "8 are allowed", "requests.max_sequences")),
        (Sequences(1, 9, "prompt"), 4, "prompt", ("each of 9 prompts in prompt", "9 sequences")),
        (Sequences(3, 3, "prompt"), 4, "n", ("n is 3 for each of 3 prompts", "9 sequences")),
    ],
)
def test_more_sequences_are_refused_with_field_value_and_bound(
    asked: Sequences, slots: float, param: str, said: tuple[str, ...]
) -> None:
    with pytest.raises(ApiError) as refused:
        check_sequences(asked, Requests(max_sequences=8), slots)
    assert (refused.value.status, refused.value.code) == (400, "too_many_sequences")
    assert refused.value.param == param
    assert all(part in str(refused.value) for part in said)


@pytest.mark.parametrize("prompts", [1, 1_000])
@pytest.mark.parametrize("slots", [4, math.inf])
def test_an_absurd_number_is_not_repeated_in_full(prompts: int, slots: float) -> None:
    asked = Sequences(10**4299, prompts, "prompt")  # JSON holds no longer number
    with pytest.raises(ApiError) as refused:
        check_sequences(asked, Requests(), slots)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("asked", [Sequences(4), Sequences(1, 8, "prompt"), Sequences(4, 2)])
def test_as_many_as_allowed_may_run(asked: Sequences) -> None:
    check_sequences(asked, Requests(max_sequences=8), 4)


@pytest.mark.parametrize(
    ("path", "fields"),
    [("chat/completions", {"n": 5}), ("completions", {"prompt": "x", "n": 65_536})],
)
async def test_an_n_beyond_the_slots_is_answered_at_once(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, path: str, fields: dict[str, Any]
) -> None:
    async with gateway(emulator.url, worker=FOUR) as running:
        status, body = await ask(session, running, path, **fields)
        assert (status, json.loads(body)["error"]["code"]) == (400, "too_many_sequences")
        assert running.metric("requests_total", outcome="too_many_sequences") == 1


async def test_a_field_of_another_api_takes_no_slot(session: aiohttp.ClientSession) -> None:
    counted: list[int] = []

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted.append(running.scheduler.workers[worker.url].sequences)
        writer.write(answer(ANSWER))

    async with scripted(script) as worker, gateway(worker.url, worker=FOUR) as running:
        status, _ = await ask(session, running, prompt=[""] * 1000)
    assert (status, counted) == (200, [1])
