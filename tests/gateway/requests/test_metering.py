"""What one request is counted for: once, in time, with what it used, under whose name."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.protocol.reply import Reply
from gateway.usage.counts import Counts, Row
from tests.gateway.harness import chat, forced, gateway, hang_up, post, until
from tests.gateway.scripted import (
    ANSWER,
    CHUNK,
    STREAM_HEAD,
    answer,
    chunked,
    refusing,
    scripted,
)
from tests.gateway.usage.ledgers import abandoned, read, requests_of

KNOWN = {"known": [{"name": "alice", "api_key": "key-of-alice"}]}
PSEUDONYM = re.compile(r"~[0-9a-f]{16}")


def settings(path: Path, **more: Any) -> dict[str, Any]:
    return {"usage": {"file": str(path)}, "tenants": KNOWN, **more}


def all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def only(path: Path) -> tuple[Row, Counts]:
    """The only row."""
    ((row, counts),) = read(path).items()
    return row, counts


async def as_alice(session: aiohttp.ClientSession, url: str, **fields: Any) -> bytes:
    headers = {"Authorization": "Bearer key-of-alice"}
    body = chat(**fields)
    async with session.post(f"{url}/v1/chat/completions", json=body, headers=headers) as response:
        return await response.read()


async def test_answers_streams_and_errors_are_counted_when_the_client_has_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "usage.sqlite"
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with (
            gateway(worker.url, **settings(path)) as running,
            aiohttp.ClientSession() as session,
        ):
            await as_alice(session, running.url, vllm_xargs=forced(7))
            row, counts = only(path)
            assert row[1:] == ("alice", "emulated")
            assert (counts.requests, counts.failed, counts.output_tokens) == (1, 0, 7)
            prompt = counts.prompt_tokens
            assert prompt > 0
            assert 0 <= counts.queue_s < counts.worker_s < 30
            await as_alice(session, running.url, vllm_xargs=forced(5), stream=True)
            assert only(path)[1].output_tokens == 12
            assert only(path)[1].prompt_tokens == 2 * prompt
            await as_alice(session, running.url, model="absent")
            assert {row.model: (n.requests, n.failed) for row, n in read(path).items()} == {
                "emulated": (2, 0),
                "none": (1, 1),
            }
            assert running.metric("usage_requests_total", key="alice", result="failed") == 1
            assert running.metric("usage_tokens_total", key="alice", kind="output") == 12


async def test_the_count_is_written_before_the_last_byte_is_sent() -> None:
    steps: list[str] = []

    async def send(message: dict[str, object]) -> None:
        steps.append("last" if message.get("more_body") is False else "part")

    reply = Reply(send, "id")
    reply.at_end = lambda: steps.append("counted")
    await reply.start(200, [])
    await reply.write(b"a")
    await reply.finish()
    assert steps == ["part", "part", "counted", "last"]


async def test_a_client_that_hangs_up_is_counted_with_what_it_got(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with gateway(worker.url, **settings(path)) as running:
            session = aiohttp.ClientSession()
            body = chat(stream=True, vllm_xargs=forced(5000))
            async with session.post(running.url + "/v1/chat/completions", json=body) as response:
                for _ in range(3):
                    await response.content.readany()
            await session.close()
            await running.until_idle()
            row, counts = only(path)
    assert row.key == "(none)"
    assert (counts.requests, counts.failed) == (1, 1)
    assert 0 < counts.output_tokens < 5000
    assert counts.prompt_tokens > 0, "estimated: the worker has not told it"


async def test_a_request_that_waits_in_vain_has_queue_seconds_and_no_tokens(
    tmp_path: Path,
) -> None:
    path = tmp_path / "usage.sqlite"
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        more = settings(
            path,
            worker={"max_num_seqs": 1},
            scheduling={"engine_queue": 0},
            queue={"timeout_s": 0.3},
        )
        async with gateway(worker.url, **more) as running, aiohttp.ClientSession() as session:
            holds = asyncio.create_task(
                post(session, running.url, chat(vllm_xargs=forced(100_000)))
            )
            await until(lambda: running.in_flight == 1, "the first runs")
            status, _ = await post(session, running.url, chat())
            assert status == 504
            counts = only(path)[1]
            await hang_up(holds)
    assert (counts.requests, counts.failed) == (1, 1)
    assert counts.queue_s == pytest.approx(0.3, abs=0.25)
    assert (counts.worker_s, counts.prompt_tokens, counts.output_tokens) == (0, 0, 0)


async def test_errors_of_workers_and_of_streams_are_failures(tmp_path: Path) -> None:
    error = b'data: {"error":{"message":"broken","code":500}}\n\n'

    async def breaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(CHUNK) + chunked(error) + chunked(b"data: [DONE]\n\n"))
        writer.write(b"0\r\n\r\n")

    for number, script in enumerate((breaks, refusing("400 Bad Request"))):
        path = tmp_path / f"{number}.sqlite"
        async with (
            scripted(script) as worker,
            gateway(worker.url, **settings(path)) as running,
            aiohttp.ClientSession() as session,
        ):
            await as_alice(session, running.url, stream=True)
            assert only(path)[1].failed == 1


async def test_a_worker_that_counts_more_tokens_than_fit_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    absurd = ANSWER.replace(b":1,", b":2000000000,").replace(b":2}", b":2000000000}")

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(absurd))

    async with scripted(script) as worker:
        worker.models = (
            b'{"object":"list","data":[{"id":"emulated","object":"model","max_model_len":100}]}'
        )
        async with (
            gateway(worker.url, **settings(path)) as running,
            aiohttp.ClientSession() as session,
        ):
            await as_alice(session, running.url, max_tokens=9)
            counts = only(path)[1]
    assert (counts.prompt_tokens, counts.output_tokens) == (100, 9)


async def test_keys_without_a_name_have_pseudonyms_that_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        for _ in range(2):
            async with (
                gateway(worker.url, **settings(path)) as running,
                aiohttp.ClientSession(headers={"x-api-key": "sk-canary-secret"}) as session,
            ):
                await post(session, running.url, chat(vllm_xargs=forced(1)))
                shown = running.app.state.metrics.render().decode()
                assert "~" not in shown
    ((key, requests),) = requests_of(path).items()
    assert PSEUDONYM.fullmatch(key)
    assert requests == 2
    assert b"canary" not in all_bytes(tmp_path)


async def test_holders_of_keys_are_counted_by_name_and_wrong_keys_together(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    access = {"api_keys": {"carol": "lw-carols-own-key-1", "dave": "lw-daves-own-key-22"}}
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with (
            gateway(worker.url, **settings(path, access=access)) as running,
            aiohttp.ClientSession() as session,
        ):
            for key in ("lw-carols-own-key-1", "lw-carols-own-key-1", "lw-daves-own-key-22"):
                headers = {"Authorization": f"Bearer {key}"}
                body = chat(vllm_xargs=forced(3))
                url = running.url + "/v1/chat/completions"
                async with session.post(url, json=body, headers=headers) as response:
                    assert response.status == 200
            for number in range(3):
                headers = {"x-api-key": f"lw-a-guess-of-a-key-{number}"}
                async with session.post(url, json=body, headers=headers) as response:
                    assert response.status == 401
    assert requests_of(path) == {"carol": 2, "dave": 1, "(none)": 3}


async def test_a_budget_outlives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    access = {
        "api_keys": {"carol": "lw-carols-own-key-1"},
        "groups": [{"name": "team", "tokens_per_month": 60}],
        "default_group": "team",
    }
    statuses = []
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        for _ in range(3):
            async with (
                gateway(worker.url, **settings(path, access=access)) as running,
                aiohttp.ClientSession(headers={"x-api-key": "lw-carols-own-key-1"}) as session,
            ):
                body = chat(max_tokens=40, vllm_xargs=forced(40))
                status, answer = await post(session, running.url, body)
                statuses.append((status, answer.get("error", {}).get("code")))
    assert statuses == [(200, None), (429, "monthly_budget"), (429, "monthly_budget")]


async def test_a_ledger_that_breaks_costs_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("gateway.usage.ledger.UsageLedger.add", broken)
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with (
            gateway(worker.url, **settings(tmp_path / "usage.sqlite")) as running,
            aiohttp.ClientSession() as session,
        ):
            status, _ = await post(session, running.url, chat(vllm_xargs=forced(1)))
    assert status == 200
    assert [record.message[:16] for record in caplog.records] == ["usage of request"]


async def test_a_request_past_the_queue_has_its_seconds_at_the_worker(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with (
            gateway(worker.url, **settings(path)) as running,
            aiohttp.ClientSession() as session,
        ):
            body = {"model": "emulated", "prompt": "Hello"}
            for _ in range(20):  # the loop's clock counts milliseconds, and one takes less
                async with session.post(running.url + "/tokenize", json=body) as response:
                    assert response.status == 200
    _, counts = only(path)
    assert (counts.requests, counts.failed, counts.queue_s) == (20, 0, 0)
    assert counts.worker_s > 0


async def test_what_ended_after_the_last_writing_is_there_at_the_next_start(
    tmp_path: Path,
) -> None:
    path = tmp_path / "usage.sqlite"
    abandoned(path, ("alice", Counts(1)))
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with (
            gateway(worker.url, **settings(path)) as running,
            aiohttp.ClientSession() as session,
        ):
            await as_alice(session, running.url, vllm_xargs=forced(1))
    assert requests_of(path) == {"alice": 2}
