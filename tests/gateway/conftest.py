"""Workers for the gateway's tests: real servers on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.serve.event_loop import new_event_loop
from scheduler.sim.engine_config import EngineConfig


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the loop that serves."""
    return {"served": new_event_loop}


@pytest.fixture(scope="session")
def emulator() -> Iterator[EmbeddedEmulator]:
    """A worker that runs 4 sequences at once, 50 times as fast as a GPU."""
    engine = EngineConfig(max_num_seqs=4, scheduling_policy="priority")
    with EmbeddedEmulator(EmulatorConfig(engine=engine, speed=50)) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client. It gives up before the test does, so that no request holds up the end."""
    limit = aiohttp.ClientTimeout(total=40)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=limit) as client:
        yield client
