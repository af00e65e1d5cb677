"""Who is let in, over HTTP: keys in every header and state, and what wrong ones get."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp

from gateway.access import keys_change
from gateway.access.access import Access
from gateway.access.key_file import changing
from gateway.access.refusals import Refused
from gateway.config.access import Access as Settings
from gateway.emulator import EmbeddedEmulator
from tests.gateway.access.keys import ask, bearer, code_of, new_holder
from tests.gateway.harness import chat, forced, gateway
from tests.gateway.scripted import ANSWER, answer, scripted

Pairs = list[tuple[str, str]]


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
    for readme in ("gateway/README.md", "deploy/RUNBOOK.md"):
        text = (root / readme).read_text()
        assert [reason for reason in Refused if f"`{reason}`" not in text] == []
