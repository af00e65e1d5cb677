"""Keys and settings that change while requests are served: exchanged, revoked, broken, mended."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.access import keys_change
from gateway.access.key_file import KeyFileError, changing
from gateway.config.access import Access as Settings
from gateway.config.errors import ConfigError
from gateway.emulator import EmbeddedEmulator
from tests.gateway.access.keys import ask, bearer, code_of, new_holder, revoke
from tests.gateway.harness import chat, gateway, until
from tests.gateway.scripted import scripted


async def test_two_keys_of_one_holder_are_valid_while_they_are_exchanged(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, file: Path
) -> None:
    old = new_holder(file, "alice")
    async with gateway(emulator.url, access={"keys_file": file}) as running:
        with changing(file) as holders:
            new = keys_change.rotate(holders, "alice", time.time() + 3600, None)
        await _until_status(session, running.url, new, 200)
        assert (await ask(session, running.url, bearer(old)))[0] == 200
        running.app.state.access.clock.wall = lambda: time.time() + 3601
        assert (await ask(session, running.url, bearer(old)))[0] == 401
        assert (await ask(session, running.url, bearer(new)))[0] == 200


async def _until_status(
    session: aiohttp.ClientSession, url: str, key: str, status: int
) -> dict[str, Any]:
    """Ask until the file has been read anew; returns the last answer."""
    for _ in range(200):
        found, body, _ = await ask(session, url, bearer(key))
        if found == status:
            return body
        await asyncio.sleep(0.02)
    pytest.fail(f"never {status}")


async def test_a_revoked_keys_running_and_waiting_requests_end_with_an_error(
    session: aiohttp.ClientSession, file: Path
) -> None:
    alice, bob = new_holder(file, "alice"), new_holder(file, "bob")
    hang = asyncio.Event()
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = len(chunk)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (length, chunk))
        await writer.drain()
        await hang.wait()
        end = b"data: [DONE]\n\n"
        final = chunk.replace(b"null", b'"stop"') + end
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(final), final))

    body = chat(stream=True, max_tokens=5)
    async with (
        scripted(script) as worker,
        gateway(
            worker.url,
            access={"keys_file": file},
            worker={"max_num_seqs": 2},
            scheduling={"engine_queue": 0},
        ) as running,
    ):
        url = running.url + "/v1/chat/completions"
        of_bob = await session.post(url, json=body, headers=bearer(bob))
        of_alice = await session.post(url, json=body, headers=bearer(alice))
        waiting = asyncio.create_task(ask(session, running.url, bearer(alice)))
        await until(lambda: running.scheduler.waiting == 1, "the third request waits")
        assert chunk in await of_alice.content.readany()
        revoke(file, "alice")
        status, told, _ = await asyncio.wait_for(waiting, 10)
        assert (status, code_of(told)) == (401, "revoked_api_key")
        event = await asyncio.wait_for(of_alice.content.read(), 10)
        assert code_of(json.loads(event.removeprefix(b"data: "))) == "revoked_api_key"
        assert b"[DONE]" not in event
        hang.set()
        rest = await asyncio.wait_for(of_bob.content.read(), 10)
        assert rest.endswith(b"data: [DONE]\n\n")
        assert running.metric("requests_total", outcome="revoked_api_key") == 2


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def _content(file: Path) -> bytes:
    return file.read_bytes()


def _remove(file: Path) -> None:
    file.unlink()


async def test_a_broken_file_changes_nothing_and_is_told(
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = new_holder(file, "alice")
    whole = _content(file)
    async with gateway(emulator.url, access={"keys_file": file}) as running:
        access = running.app.state.access
        for broken in (b"{", whole + b'{"name": "bob", "group": 1}\n', whole + whole):
            _write(file, broken)
            await until(lambda: bool(access.problem), "the fault is told")
            assert str(file) in access.problem
            async with session.get(running.url + "/ready", headers=bearer(key)) as response:
                assert (await response.json())["keys_problem"] == access.problem
            assert (await ask(session, running.url, bearer(key)))[0] == 200
            _write(file, whole + b"\n" * len(broken))
            await until(lambda: not access.problem, "the mended file is read")
        _remove(file)
        await until(lambda: bool(access.problem), "the missing file is told")
        assert (await ask(session, running.url, bearer(key)))[0] == 200
    assert key not in caplog.text


async def test_an_unknown_group_disables_its_holders_keys_and_no_others(
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    alice, bob = new_holder(file, "alice"), new_holder(file, "bob", "nobodys")
    access: dict[str, Any] = {"keys_file": file, "failures_per_min": 1}
    async with gateway(emulator.url, access=access) as running:
        gate, url = running.app.state.access, running.url
        for _ in range(3):  # which is no guess
            status, body, _ = await ask(session, url, bearer(bob))
            assert (status, code_of(body)) == (401, "disabled_api_key")
        assert (await ask(session, url, bearer(alice)))[0] == 200
        assert "bob (nobodys)" in gate.problem
        assert gate.problem in caplog.text
        async with session.get(url + "/ready", headers=bearer(alice)) as response:
            assert (await response.json())["keys_problem"] == gate.problem
        revoke(file, "alice")  # which the file's fault does not keep back
        await _until_status(session, url, alice, 401)
        gate.apply(Settings(keys_file=file, groups=[{"name": "nobodys"}]))
        assert (await ask(session, url, bearer(bob)))[0] == 200
        assert not gate.problem


@pytest.mark.parametrize("text", [None, "{", '{"name": "a", "keys": [{"hash": "x"}]}'])
async def test_the_gateway_does_not_start_without_its_keys(file: Path, text: str | None) -> None:
    if text is not None:
        _write(file, text.encode())
    with pytest.raises(ConfigError, match=str(file)) as raised:
        async with gateway("http://127.0.0.1:9", access={"keys_file": file}):
            pass
    assert isinstance(raised.value, KeyFileError)


async def test_settings_change_while_requests_are_served(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, file: Path
) -> None:
    key = new_holder(file, "alice", "team")
    open_to = {"name": "team", "models": ["*"]}
    closed_to = {"name": "team", "models": []}
    async with gateway(emulator.url) as running:
        access = running.app.state.access
        assert (await ask(session, running.url))[0] == 200
        access.apply(Settings(keys_file=file, groups=[open_to]))
        assert (await ask(session, running.url))[0] == 401
        assert (await ask(session, running.url, bearer(key)))[0] == 200
        access.apply(Settings(keys_file=file, groups=[closed_to]))
        assert (await ask(session, running.url, bearer(key)))[0] == 403
        running_one = access.admit({"headers": [(b"x-api-key", key.encode())]})
        with running_one:
            access.clock.wall = lambda: time.time() + 1e9  # a key that expires lets it end
            with changing(file) as holders:
                keys_change.expire(holders, "alice", time.time() + 10)
            access.apply(Settings(keys_file=file, groups=[open_to]))
        access.apply(Settings())
        assert (await ask(session, running.url))[0] == 200


async def test_a_file_that_has_been_emptied_revokes_nobody(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, file: Path
) -> None:
    """A copy empties the file for a moment."""
    key = new_holder(file, "alice")
    async with gateway(emulator.url, access={"keys_file": str(file)}) as running:
        access = running.app.state.access
        _write(file, b"")
        await until(lambda: "holds no key any more" in access.problem, "the fault is told")
        assert (await ask(session, running.url, bearer(key)))[0] == 200
