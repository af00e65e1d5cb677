"""Workers that come and go while the gateway serves."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from tests.gateway.harness import Gateway, chat, forced, gateway, post, until
from tests.gateway.names import resolve_as


@pytest.fixture
def slow() -> Iterator[EmbeddedEmulator]:
    """A worker that takes about two seconds for an answer of 200 tokens."""
    with EmbeddedEmulator(EmulatorConfig(speed=1)) as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workers.yaml"


def put(path: Path, text: str) -> None:
    """Replace the file whole, as an operator should."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def found(path: Path) -> dict[str, Any]:
    """The configuration of a gateway that finds its workers in that file."""
    return {"discovery": {"file": str(path), "interval_s": 0.05}}


def members(running: Gateway) -> set[str]:
    """The workers that the gateway is connected to."""
    return {member.id for member in running.app.state.fleet.members}


async def long_stream(session: aiohttp.ClientSession, running: Gateway) -> tuple[int, bytes]:
    """Status and text of a stream of 200 tokens."""
    body = chat(stream=True, vllm_xargs=forced(200))
    async with session.post(running.url + "/v1/chat/completions", json=body) as response:
        return response.status, await response.read()


async def test_a_worker_that_leaves_the_file_ends_its_work_and_the_new_one_takes_over(
    emulator: EmbeddedEmulator, slow: EmbeddedEmulator, session: aiohttp.ClientSession, path: Path
) -> None:
    put(path, f"- url: {slow.url}\n")
    async with gateway(**found(path)) as running:
        stream = asyncio.create_task(long_stream(session, running))
        await until(lambda: running.in_flight == 1, "it runs on the first worker")
        put(path, f"[{{url: {emulator.url}, max_num_seqs: 4}}]\n")
        await until(lambda: emulator.url in running.scheduler.workers, "the new one is used")
        assert members(running) == {slow.url, emulator.url}
        assert running.metric("worker_draining", worker=slow.url) == 1
        answers = await asyncio.gather(
            *(post(session, running.url, chat(max_tokens=3)) for _ in range(5))
        )
        assert {status for status, _ in answers} == {200}
        assert not stream.done(), "the answers came from the new worker"
        status, text = await stream
        assert (status, text.count(b'"content"') >= 199) == (200, True)
        assert b"[DONE]" in text
        await until(lambda: members(running) == {emulator.url}, "the first is let go")
        assert set(running.scheduler.workers) == {emulator.url}
        await asyncio.sleep(0.2)  # until the next look at the file
        exposed = running.app.state.metrics.render().decode()
        assert slow.url not in exposed
        assert emulator.url in exposed


async def test_a_worker_that_comes_back_while_it_leaves_is_used_again(
    emulator: EmbeddedEmulator, slow: EmbeddedEmulator, session: aiohttp.ClientSession, path: Path
) -> None:
    put(path, f"- url: {slow.url}\n")
    async with gateway(**found(path)) as running:
        stream = asyncio.create_task(long_stream(session, running))
        await until(lambda: running.in_flight == 1, "it runs")
        put(path, f"- url: {emulator.url}\n")
        await until(lambda: running.scheduler.workers[slow.url].spec.draining, "it leaves")
        put(path, f"- url: {slow.url}\n")
        await until(lambda: not running.scheduler.workers[slow.url].spec.draining, "it is back")
        assert (await stream)[0] == 200
        await until(lambda: members(running) == {slow.url}, "the other is gone")
        assert (await post(session, running.url, chat(max_tokens=3)))[0] == 200


async def test_settings_of_a_worker_change_with_the_file(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, path: Path
) -> None:
    put(path, f"- url: {emulator.url}\n")
    async with gateway(queue={"no_worker_grace_s": 0.2}, **found(path)) as running:
        put(path, f"- {{url: {emulator.url}, draining: true, speed: 2.5, max_num_seqs: 3}}\n")
        (worker,) = running.scheduler.workers.values()
        await until(lambda: worker.spec.draining, "it drains")
        assert (worker.spec.speed, worker.spec.slots) == (2.5, 3)
        assert (await post(session, running.url, chat()))[0] == 503
        async with session.get(running.url + "/ready") as response:
            assert response.status == 503
            (line,) = (await response.json())["workers"]
        assert (line["draining"], line["healthy"], line["kv_peak"]) == (True, True, 0)
        put(path, f"- url: {emulator.url}\n")
        await until(lambda: not worker.spec.draining, "it serves again")
        assert (await post(session, running.url, chat(max_tokens=3)))[0] == 200


async def test_settings_in_the_configuration_count_more_than_those_in_the_file(
    emulator: EmbeddedEmulator, path: Path
) -> None:
    put(path, f"- {{url: {emulator.url}, speed: 2.0}}\n")
    async with gateway(emulator.url, worker={"speed": 3.0}, **found(path)) as running:
        (worker,) = running.scheduler.workers.values()
        assert worker.spec.speed == 3.0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "- url: http://a\n- urls: http://b\n",
            ":2: workers.1.urls: unknown setting. Did you mean",
        ),
        ("- url: gpu\n", ":1: workers.0.url: "),
        ("- url: [\n", "not valid YAML"),
        ("workers: []\n", "must be a list of workers"),
        ("", "must be a list of workers"),
    ],
)
async def test_a_broken_file_is_refused_with_file_and_line_and_the_present_workers_stay(
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    text: str,
    complaint: str,
) -> None:
    put(path, f"- url: {emulator.url}\n")
    async with gateway(**found(path)) as running:
        put(path, text)
        await until(lambda: complaint in caplog.text, "the file is refused")
        assert f"{path}:" in caplog.text
        assert "earlier stay" in caplog.text
        assert members(running) == {emulator.url}
        assert (await post(session, running.url, chat(max_tokens=3)))[0] == 200


async def test_a_file_that_comes_later_is_taken_up_and_until_then_there_is_no_worker(
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with gateway(queue={"no_worker_grace_s": 0.2}, **found(path)) as running:
        status, answer = await post(session, running.url, chat())
        assert (status, answer["error"]["code"]) == (503, "no_healthy_worker")
        assert "\nlengthwise_healthy_workers 0.0\n" in running.app.state.metrics.render().decode()
        put(path, f'[{{"url": "{emulator.url}"}}]')  # JSON
        await until(lambda: bool(running.scheduler.workers), "the worker is found")
        assert (await post(session, running.url, chat(max_tokens=3)))[0] == 200
        assert "\nlengthwise_healthy_workers 1.0\n" in running.app.state.metrics.render().decode()
    complaints = [line for line in caplog.messages if "discovery.file" in line]
    assert len(complaints) == 1, "it is said once, not at every look"


async def test_every_address_of_a_name_is_a_worker_and_a_failed_resolution_changes_nothing(
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses = ["127.0.0.1", "127.0.0.2"]
    resolve_as(monkeypatch, lambda: addresses)
    port = urlsplit(emulator.url).port
    settings = {"dns": f"vllm.test:{port}", "interval_s": 0.05}
    async with gateway(discovery=settings) as running:
        both = {f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}"}
        assert members(running) == both
        addresses.clear()
        await until(lambda: "discovery.dns" in caplog.text, "the failure is logged")
        assert f"'vllm.test:{port}' does not resolve: Name or service not known" in caplog.text
        assert members(running) == both
        assert (await post(session, running.url, chat(max_tokens=3)))[0] == 200
        addresses.append("127.0.0.1")
        await until(lambda: members(running) == {f"http://127.0.0.1:{port}"}, "one has left")
        assert (await post(session, running.url, chat(max_tokens=3)))[0] == 200
