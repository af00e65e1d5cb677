"""Who is let in, over HTTP: keys in every header and state, and what wrong ones get."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.access import keys_change
from gateway.access.access import Access
from gateway.access.key_file import KeyFileError, changing
from gateway.access.refusals import Refused
from gateway.config.access import Access as Settings
from gateway.config.errors import ConfigError
from gateway.emulator import EmbeddedEmulator
from tests.gateway.access.keys import ask, bearer, new_holder, revoke
from tests.gateway.harness import chat, forced, gateway, until
from tests.gateway.scripted import ANSWER, answer, scripted

Pairs = list[tuple[str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def code_of(body: dict[str, Any]) -> str:
    code: str = body["error"]["code"]
    return code


async def test_without_keys_in_the_settings_everybody_may_come_in(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url) as running:
        assert (await ask(session, running.url))[0] == 200
        assert (await ask(session, running.url, bearer("any")))[0] == 200


LET_IN: list[Pairs] = [
    [("Authorization", "Bearer KEY")],
    [("authorization", "bearer KEY")],
    [("Authorization", "BEARER   KEY  ")],
    [("x-api-key", "KEY")],
    [("api-key", " KEY\t")],
    [("x-api-key", "KEY"), ("Authorization", "Bearer KEY")],
    [("Authorization", "Bearer KEY"), ("Authorization", "Bearer KEY")],
    [("Authorization", ""), ("x-api-key", "KEY")],
]

KEPT_OUT: list[tuple[Pairs, str]] = [
    ([], "missing_api_key"),
    ([("Authorization", "")], "missing_api_key"),
    ([("Authorization", "Bearer")], "missing_api_key"),
    ([("Authorization", "Bearer  ")], "missing_api_key"),
    ([("Cookie", "key=KEY")], "missing_api_key"),
    ([("Authorization", "KEY")], "invalid_api_key"),
    ([("Authorization", "Basic KEY")], "invalid_api_key"),
    ([("Authorization", "BearerKEY")], "invalid_api_key"),
    ([("Authorization", "Bearer wrong")], "invalid_api_key"),
    ([("Authorization", "Bearer KEYx")], "invalid_api_key"),
    ([("Authorization", "Bearer KEY KEY")], "invalid_api_key"),
    ([("Authorization", "Bearer key")], "invalid_api_key"),
    ([("Authorization", "Bearer KEY,wrong")], "invalid_api_key"),
    ([("x-api-key", "Bearer KEY")], "invalid_api_key"),
    ([("x-api-key", "wrong"), ("Authorization", "Bearer KEY")], "invalid_api_key"),
    ([("Authorization", "Bearer KEY"), ("Authorization", "Bearer wrong")], "invalid_api_key"),
    ([("Authorization", "Bearer wrong"), ("Authorization", "Bearer KEY")], "invalid_api_key"),
    ([("Authorization", "Bearer " + "x" * 20_000)], "invalid_api_key"),
    ([("Authorization", "Bearer KEY\x85")], "invalid_api_key"),
    ([("Authorization", "Bearer \xe9\xff")], "invalid_api_key"),
]


async def test_a_key_is_read_as_clients_send_it_and_no_other_way(
    session: aiohttp.ClientSession, file: Path
) -> None:
    key = new_holder(file, "alice")

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(ANSWER))

    async with (
        scripted(script) as worker,
        gateway(worker.url, access={"keys_file": file, "failures_per_min": 0}) as running,
    ):
        for pairs in LET_IN:
            headers = [(name, value.replace("KEY", key)) for name, value in pairs]
            assert (await ask(session, running.url, headers))[0] == 200, pairs
        assert worker.served == len(LET_IN)
        for pairs, code in KEPT_OUT:
            lines = "".join(f"{name}: {value.replace('KEY', key)}\r\n" for name, value in pairs)
            status, found = await _raw(running.url, lines.replace(key.lower(), key))
            assert (status, found) == (401, code), pairs
        assert worker.served == len(LET_IN)
        assert key.encode() not in b"".join(worker.requests)  # nor does it reach a worker
        assert running.metric("requests_total", outcome="missing_api_key") == 5


async def _raw(url: str, headers: str) -> tuple[int, str]:
    """Status and code of a request whose headers go out as they are written here."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(chat()).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode("latin-1") + body)
    received = await reader.read()
    writer.close()
    start, _, rest = received.partition(b"\r\n\r\n")
    assert b"www-authenticate: Bearer" in start
    return int(start.split(b" ")[1]), code_of(json.loads(rest))


async def test_each_state_of_a_key_has_its_code(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, file: Path
) -> None:
    alice, bob = new_holder(file, "alice"), new_holder(file, "bob")
    with changing(file) as holders:
        keys_change.expire(holders, "alice", time.time() + 1000)
        keys_change.revoke(holders, "bob")
    async with gateway(emulator.url, access={"keys_file": file}) as running:
        assert (await ask(session, running.url, bearer(alice)))[0] == 200
        running.app.state.access.clock.wall = lambda: time.time() + 1000.1
        status, body, _ = await ask(session, running.url, bearer(alice))
        assert (status, code_of(body)) == (401, "expired_api_key")
        status, body, _ = await ask(session, running.url, bearer(bob))
        assert (status, code_of(body)) == (401, "revoked_api_key")
        status, body, _ = await ask(session, running.url, bearer(bob), "/v1/messages")
        assert status == 401
        assert body["type"] == "error"
        assert body["error"]["type"] == "authentication_error"


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
        for broken in (b"{", whole + b'{"name": "bob", "group": "nobodys"}\n', whole + whole):
            _write(file, broken)
            await until(lambda: bool(access.problem), "the fault is told")
            assert str(file) in access.problem or "nobodys" in access.problem
            async with session.get(running.url + "/ready", headers=bearer(key)) as response:
                assert (await response.json())["keys_problem"] == access.problem
            assert (await ask(session, running.url, bearer(key)))[0] == 200
            _write(file, whole + b"\n" * len(broken))
            await until(lambda: not access.problem, "the mended file is read")
        _remove(file)
        await until(lambda: bool(access.problem), "the missing file is told")
        assert (await ask(session, running.url, bearer(key)))[0] == 200
    assert key not in caplog.text


@pytest.mark.parametrize("text", [None, "{", '{"name": "a", "keys": [{"hash": "x"}]}'])
async def test_the_gateway_does_not_start_without_its_keys(file: Path, text: str | None) -> None:
    if text is not None:
        _write(file, text.encode())
    with pytest.raises(ConfigError, match=str(file)) as raised:
        async with gateway("http://127.0.0.1:9", access={"keys_file": file}):
            pass
    assert isinstance(raised.value, KeyFileError)


async def test_guesses_are_bounded_and_nobody_else_is_locked_out(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, file: Path
) -> None:
    used, fresh = new_holder(file, "alice"), new_holder(file, "bob")
    access = {"keys_file": file, "failures_per_min": 5}
    async with gateway(emulator.url, access=access) as running:
        url, clock = running.url, running.app.state.access.clock
        now = time.monotonic()
        clock.steady = lambda: now
        assert (await ask(session, url, bearer(used)))[0] == 200
        statuses = [(await ask(session, url, bearer(f"guess {n}")))[0] for n in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        status, body, headers = await ask(session, url, bearer(fresh))
        assert (status, code_of(body)) == (429, "too_many_failures")  # a right guess tells nothing
        assert (await ask(session, url, bearer(used)))[0] == 200
        now += int(headers["retry-after"])
        assert (await ask(session, url, bearer(fresh)))[0] == 200


async def test_the_pages_about_the_deployment_need_a_key(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, file: Path
) -> None:
    key = new_holder(file, "alice")
    async with gateway(emulator.url, access={"keys_file": file}) as running:

        async def page(path: str, headers: Any = None) -> tuple[int, str]:
            async with session.get(running.url + path, headers=headers) as response:
                return response.status, await response.text()

        assert await page("/health") == (200, '{"status":"ok"}')
        assert await page("/ready") == (200, '{"status":"ready"}')
        assert emulator.url in (await page("/ready", bearer(key)))[1]
        assert (await page("/metrics"))[0] == 401
        assert (await page("/metrics", bearer(key)))[0] == 200
        assert (await page("/v1/models"))[0] == 401
        assert (await page("/v1/models/emulated"))[0] == 401
        assert "emulated" in (await page("/v1/models", bearer(key)))[1]


async def test_a_key_in_the_environment_has_the_group_of_its_name(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    access = {
        "api_keys": {"alice": "a" * 20, "bob": "b" * 20},
        "groups": [{"name": "alice", "models": ["*"]}, {"name": "none", "models": []}],
        "default_group": "none",
    }
    async with gateway(emulator.url, access=access) as running:
        assert (await ask(session, running.url, bearer("a" * 20)))[0] == 200
        status, body, _ = await ask(session, running.url, bearer("b" * 20))
        assert (status, code_of(body)) == (403, "model_not_allowed")


async def test_two_holders_keep_their_shares(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, file: Path
) -> None:
    keys = {"heavy": new_holder(file, "heavy", weight=3.0), "light": new_holder(file, "light")}
    done: list[str] = []

    async def one(name: str, url: str) -> None:
        fields: dict[str, Any] = {"vllm_xargs": forced(40), "max_tokens": 40}
        assert (await ask(session, url, bearer(keys[name]), **fields))[0] == 200
        done.append(name)

    async with gateway(
        emulator.url,
        access={"keys_file": file},
        tenants={"fair": True},
        worker={"max_num_seqs": 2},
        scheduling={"engine_queue": 0},
    ) as running:
        names = ["light", "heavy"] * 40
        await asyncio.gather(*(one(name, running.url) for name in names))
        assert 'tenant="heavy"' in running.app.state.metrics.render().decode()
    first = done[: len(done) // 2]  # both have requests that wait for as long
    assert 0.6 < first.count("heavy") / len(first) < 0.9


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
        with pytest.raises(KeyFileError, match="team"):
            access.apply(Settings(keys_file=file))
        assert (await ask(session, running.url, bearer(key)))[0] == 403
        running_one = access.admit({"headers": [(b"x-api-key", key.encode())]})
        with running_one:
            access.clock.wall = lambda: time.time() + 1e9  # a key that expires lets it end
            with changing(file) as holders:
                keys_change.expire(holders, "alice", time.time() + 10)
            access.apply(Settings(keys_file=file, groups=[open_to]))
        access.apply(Settings())
        assert (await ask(session, running.url))[0] == 200


def test_right_and_wrong_keys_cost_the_same_work(file: Path) -> None:
    key = new_holder(file, "alice")
    access = Access(Settings(keys_file=file, failures_per_min=0))
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    scopes = [
        {"headers": [(b"authorization", b"Bearer " + one.encode())]}
        for one in (wrong, "x" * len(key))
    ]

    def seconds(scope: dict[str, Any]) -> float:
        begun = time.perf_counter()
        for _ in range(200):
            access.knows(scope)
        return time.perf_counter() - begun

    rounds = [[seconds(scope) for scope in scopes] for _ in range(30)]
    near, far = map(min, zip(*rounds, strict=True))
    assert 2 / 3 < near / far < 3 / 2


def test_every_reason_is_explained() -> None:
    root = Path(__file__).parents[3]
    for readme in ("gateway/README.md", "deploy/README.md"):
        text = (root / readme).read_text()
        assert [reason for reason in Refused if f"`{reason}`" not in text] == []


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
