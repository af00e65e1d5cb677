"""Names that resolve to IPv4 and to IPv6 addresses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from gateway.workers.addresses import Resolver
from tests.gateway.names import NAME, resolve_as


@contextlib.asynccontextmanager
async def servers(port: int, *addresses: str) -> AsyncIterator[int]:
    """Servers at these addresses, on a free port if ``port`` is 0; yields the port."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with contextlib.AsyncExitStack() as stack:
        for address in addresses:
            server = await asyncio.start_server(close, address, port)
            await stack.enter_async_context(server)
            port = server.sockets[0].getsockname()[1]
        yield port


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the name, which a test may fill."""
    found: list[str] = []
    resolve_as(monkeypatch, lambda: found)
    return found


async def resolved(port: int = 9) -> list[str]:
    return await Resolver().addresses(NAME, port)


async def test_a_server_of_both_families_is_one_worker(names: list[str]) -> None:
    names += ["::1", "127.0.0.1"]
    async with servers(0, "127.0.0.1", "::1") as port:
        assert await resolved(port) == ["127.0.0.1"]


async def test_the_family_that_answers_counts(names: list[str]) -> None:
    names += ["127.0.0.1", "::1"]
    async with servers(0, "::1") as port:
        assert await resolved(port) == ["::1"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["127.0.0.9", "::1", "127.0.0.8"], ["127.0.0.8", "127.0.0.9"]),
        (["::1", "::2"], ["::1", "::2"]),
        (["127.0.0.8", "::ffff:127.0.0.8"], ["127.0.0.8"]),
        (["127.0.0.8"], ["127.0.0.8"]),
    ],
)
async def test_where_nothing_answers_numbers_count(
    names: list[str], found: list[str], expected: list[str]
) -> None:
    names += found
    assert await resolved() == expected


async def test_the_choice_stays_while_the_addresses_do_and_waits_for_a_first_answer(
    names: list[str],
) -> None:
    names += ["127.0.0.1", "::1"]
    resolver = Resolver()
    async with servers(0, "127.0.0.9") as port:
        assert await resolver.addresses(NAME, port) == ["127.0.0.1"]
        async with servers(port, "::1"):
            assert await resolver.addresses(NAME, port) == ["::1"]
        async with servers(port, "127.0.0.1"):
            assert await resolver.addresses(NAME, port) == ["::1"]
            names.remove("::1")
            assert await resolver.addresses(NAME, port) == ["127.0.0.1"]
