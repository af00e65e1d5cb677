"""A fast emulated worker and its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import anthropic
import pytest
from openai import OpenAI

from gateway.emulator import EmbeddedEmulator
from tests.gateway.emulator.workers import FAST


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmbeddedEmulator]:
    with EmbeddedEmulator(FAST) as running:
        yield running
        assert (running.engine.running, running.engine.waiting) == (0, 0)
        assert running.engine.kv_usage == 0


@pytest.fixture
def client(emulator: EmbeddedEmulator) -> Iterator[OpenAI]:
    with OpenAI(base_url=emulator.url + "/v1", api_key="none", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
async def http(emulator: EmbeddedEmulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(emulator.url) as session:
        yield session


@pytest.fixture
def claude(emulator: EmbeddedEmulator) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=emulator.url, api_key="none", max_retries=0) as sdk:
        yield sdk
