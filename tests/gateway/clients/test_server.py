"""The options of the connections that clients make."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from gateway.clients.connection import Connection
from gateway.emulator import EmbeddedEmulator
from gateway.serve.event_loop import new_event_loop
from tests.gateway.harness import chat, forced, gateway, post


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, new_event_loop])
def test_no_part_of_an_answer_waits_for_an_acknowledgement(
    emulator: EmbeddedEmulator, monkeypatch: pytest.MonkeyPatch, loop: type
) -> None:
    found: list[int] = []
    made = Connection.connection_made

    def connection_made(self: Connection, transport: asyncio.Transport) -> None:
        one = transport.get_extra_info("socket")
        found.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        made(self, transport)

    async def ask() -> None:
        async with gateway(emulator.url) as running, aiohttp.ClientSession() as session:
            assert (await post(session, running.url, chat(vllm_xargs=forced(2))))[0] == 200

    monkeypatch.setattr(Connection, "connection_made", connection_made)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(ask())
    assert found
    assert all(found)
