"""The endpoints that a data plane allows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from gateway.picker.destination import SUBSET, destination, subset_hint
from gateway.picker.messages import ProcessingRequest
from gateway.workers.failures import FAILURES
from tests.gateway.harness import chat, post
from tests.gateway.picker.envoy import behind_envoy
from tests.gateway.scripted import ANSWER, answer, scripted

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _says_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(ANSWER))


async def test_requests_go_to_the_endpoints_that_are_allowed_alone(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    async with scripted(_says_ok) as other, scripted(_says_ok) as named:
        subset = named.url.removeprefix("http://")
        async with behind_envoy(tmp_path, other.url, named.url, subset=subset) as front:
            for _ in range(4):
                status, _ = await post(session, front.url, chat())
                assert status == 200
                async with session.get(front.url + "/version") as response:
                    assert response.status == 200
        assert (other.served, named.served) == (0, 8)


async def test_without_a_ready_worker_among_them_the_answer_is_503(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    async with scripted(_says_ok) as other, scripted(_says_ok) as named:
        named.healthy = False
        address, queue = named.url.removeprefix("http://"), {"no_worker_grace_s": 0}
        for subset in ("192.0.2.1:8000", address):
            async with behind_envoy(
                tmp_path, other.url, named.url, subset=subset, queue=queue
            ) as front:
                status, told = await post(session, front.url, chat())
                assert (status, told["error"]["code"]) == (503, "no_healthy_worker")
        assert other.served == named.served == 0


async def test_hints_are_read_as_lists_and_as_texts() -> None:
    listed, text, none = ProcessingRequest(), ProcessingRequest(), ProcessingRequest()
    fields = listed.metadata_context.filter_metadata["envoy.lb.subset_hint"].fields
    fields[SUBSET].list_value.values.add().string_value = "10.0.0.1:8000"
    fields = text.metadata_context.filter_metadata["envoy.lb.subset_hint"].fields
    fields[SUBSET].string_value = "10.0.0.1:8000, [fd00::1]:8000"
    assert subset_hint(listed.metadata_context) == frozenset({"10.0.0.1:8000"})
    assert subset_hint(text.metadata_context) == frozenset({"10.0.0.1:8000", "[fd00::1]:8000"})
    assert subset_hint(none.metadata_context) is None


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://10.0.0.1:8000", "10.0.0.1:8000"),
        ("http://[fd00::1]:8000", "[fd00::1]:8000"),
        ("http://10.0.0.1", "10.0.0.1:80"),
    ],
)
async def test_a_worker_is_named_by_address_and_port(url: str, named: str) -> None:
    assert await destination(url) == named


async def test_names_are_looked_up() -> None:
    host, _, port = (await destination("http://localhost:8000")).rpartition(":")
    assert (host in {"127.0.0.1", "[::1]"}, port) == (True, "8000")
    with pytest.raises(FAILURES):
        await destination("http://nowhere.invalid:8000")
