"""The operators' listener: its sockets, and what it answers while the gateway ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import aiohttp
import pytest

from gateway.admin.listener import admin_listening, admin_sockets
from gateway.admin.unix_socket import bound_unix_socket
from gateway.config.admin import Admin
from gateway.protocol.asgi import Receive, Scope, Send
from gateway.protocol.listener import ListenError
from tests.gateway.harness import PATIENCE_S, chat, forced


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def _read(path: Path) -> str:
    connector = aiohttp.UnixConnector(str(path))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://localhost/") as response,
    ):
        return await response.text()


async def test_a_unix_socket_is_its_owners_alone_and_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    settings = Admin(listen=str(path))
    async with admin_listening(_hello, settings, admin_sockets(settings)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await _read(path) == "hello"
    assert not path.exists()


async def test_a_socket_that_a_killed_gateway_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    bound_unix_socket(path).close()
    settings = Admin(listen=str(path))
    async with admin_listening(_hello, settings, admin_sockets(settings)):
        assert await _read(path) == "hello"
        with pytest.raises(ListenError, match="is in use"):
            admin_sockets(settings)
        assert await _read(path) == "hello"


def test_a_file_or_a_missing_folder_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("kept")
    with pytest.raises(ListenError, match="is in use"):
        bound_unix_socket(file)
    assert file.read_text() == "kept"
    with pytest.raises(ListenError, match="in no folder"):
        bound_unix_socket(tmp_path / "none" / "admin.sock")


def test_a_port_in_use_is_told_by_its_setting() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        with pytest.raises(ListenError, match=r"admin\.listen: .*another port"):
            admin_sockets(Admin(listen=f"127.0.0.1:{one.getsockname()[1]}"))


async def test_it_answers_while_the_gateway_drains(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    path = tmp_path / "admin.sock"
    env = {
        **os.environ,
        "LENGTHWISE_ADMIN_LISTEN": str(path),
        "LENGTHWISE_SHUTDOWN_LAME_DUCK_S": "0",
    }
    command = (sys.executable, "-m", "gateway.cli", "serve", "--port", "0")
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL, env=env)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            url = (await process.stdout.readline()).decode().split()[-1]
            body = chat(stream=True, vllm_xargs=forced(4000))
            async with (
                session.post(url + "/v1/chat/completions", json=body) as response,
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as operators,
            ):
                await response.content.readline()
                process.send_signal(signal.SIGTERM)
                await _until_refusing(session, url)
                page = await _status(operators)
                assert (page["status"], page["requests_in_flight"]) == ("draining", 1)
            assert await process.wait() == 0
        assert not path.exists()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _until_refusing(session: aiohttp.ClientSession, url: str) -> None:
    alone = {"connection": "close"}  # the drain closes kept connections at any moment
    for _ in range(500):
        asked = session.post(url + "/v1/chat/completions", json=chat(max_tokens=1), headers=alone)
        try:
            async with asked as late:
                if late.status == 503:
                    return
        except aiohttp.ClientOSError:  # the port closed over a connection that nobody had taken
            return


async def _status(operators: aiohttp.ClientSession) -> dict[str, object]:
    async with operators.get("http://localhost/admin/status") as response:
        page: dict[str, object] = await response.json()
        return page
