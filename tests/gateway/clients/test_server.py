"""The options of the connections that clients make."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from gateway.clients.connection import Connection
from gateway.emulator import EmbeddedEmulator
from tests.gateway.harness import chat, forced, gateway, post


async def test_no_part_of_an_answer_waits_for_an_acknowledgement(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    made = Connection.connection_made

    def connection_made(self: Connection, transport: asyncio.Transport) -> None:
        one = transport.get_extra_info("socket")
        found.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", connection_made)
    async with gateway(emulator.url) as running:
        assert (await post(session, running.url, chat(vllm_xargs=forced(2))))[0] == 200
    assert found
    assert all(found)
