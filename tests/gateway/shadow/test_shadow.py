"""The shadow of a gateway that serves: its process, its pages, and what becomes of its end."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.config.shadow import ShadowSettings
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.shadow import feed as feed_module
from gateway.shadow.feed import Feed
from gateway.shadow.records import Begun, Ended, packed, read_message
from gateway.shadow.shadow import COMMAND, FEWEST, Shadow, wanted
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.records import RequestRecord
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import Gateway, chat, forced, gateway, until

WORKER = EmulatorConfig(engine=EngineConfig(max_num_seqs=4), speed=200)
ECHO = (sys.executable, "-c", "import sys; sys.stdin.buffer.read(9); print('{}')")


async def _answers(running: Gateway, count: int) -> None:
    """Streams, twenty at once."""
    body = chat(vllm_xargs=forced(9), stream=True)
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            async with session.post(running.url + "/v1/chat/completions", json=body) as response:
                assert response.status == 200
                await response.read()

        for _ in range(count // 20):
            await asyncio.gather(*(one() for _ in range(20)))


async def test_a_gateway_that_serves_gets_a_page_and_metrics() -> None:
    with EmbeddedEmulator(WORKER) as worker:
        settings = {"enabled": "on", "interval_s": 1, "tolerance": 9}
        async with gateway(worker.url, shadow=settings, worker={"max_num_seqs": 4}) as running:
            shadow: Shadow = running.app.state.shadow
            assert shadow.page["state"] == "starting"
            await _answers(running, FEWEST + 20)
            await until(lambda: shadow.page.get("requests", 0) >= FEWEST, "a page")
            page = shadow.page
            assert page["state"] == "ok", page
            assert page["policy"] == "sejf"
            assert set(page["saved"]) == {"fcfs", "stock"}
            assert page["arms"]["actual"]["all"]["requests"] == page["requests"]
            text = running.app.state.metrics.render().decode()
            assert 'lengthwise_shadow_state{state="ok"} 1.0' in text
            saved = 'lengthwise_saved_seconds{against="stock",length="all",measure="mean_e2e"}'
            assert saved in text


async def test_a_process_that_ends_is_started_again_and_costs_no_request() -> None:
    with EmbeddedEmulator(WORKER) as worker:
        async with gateway(worker.url, shadow={"enabled": "on"}) as running:
            shadow: Shadow = running.app.state.shadow
            shadow.command = ECHO
            await _answers(running, FEWEST + 20)
            await until(lambda: shadow.restarts >= 1, "another process")
            await _answers(running, 20)


async def test_the_reason_of_its_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with EmbeddedEmulator(WORKER) as worker:
        async with gateway(worker.url, shadow={"enabled": "on"}) as running:
            shadow: Shadow = running.app.state.shadow
            shadow.command = (sys.executable, "-c", "raise ImportError('no such thing')")
            await _answers(running, FEWEST + 20)
            await until(lambda: "no such thing" in caplog.text, "the reason")


def test_the_process_takes_no_code_from_the_folder_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text("open('ran', 'w')\n")
    ended = subprocess.run(COMMAND, cwd=tmp_path, input=b"", capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert not (tmp_path / "ran").exists()


async def test_a_shadow_that_is_off_is_told_nothing_and_has_no_metric() -> None:
    with EmbeddedEmulator(WORKER) as worker:
        async with gateway(worker.url, shadow={"enabled": "off"}) as running:
            await _answers(running, 20)
            assert running.app.state.shadow.feed is None
            assert running.app.state.shadow.page["state"] == "off"
            assert "lengthwise_shadow" not in running.app.state.metrics.render().decode()


def test_auto_is_for_machines_with_a_core_to_spare() -> None:
    assert wanted(ShadowSettings(enabled="on"))
    assert not wanted(ShadowSettings(enabled="off"))
    assert wanted(ShadowSettings()) == (len(os.sched_getaffinity(0)) > 1)


def _job(number: int) -> Job:
    return Job(str(number), "m", 1.0, 10, LengthDistribution.point(5))


async def test_what_nobody_takes_is_bounded_and_counted(monkeypatch: Any) -> None:
    monkeypatch.setattr(feed_module, "MOST_KEPT", 3)
    feed = Feed()
    for number in range(5):
        feed.begin(_job(number))
        feed.end(_job(number), RequestRecord(1.0), _job(0).length, "w", whole=True, tokens=5)
    assert (len(feed.begun), len(feed.ended), feed.lost) == (3, 3, 4)


async def test_records_pass_the_pipe_as_they_are() -> None:
    feed = Feed()
    feed.begin(_job(7))
    record = RequestRecord(1.0, dispatched=2.0, first_token=3.0, finished=4.0, prompt_tokens=11)
    feed.end(_job(7), record, _job(0).length, "w", whole=True, tokens=5)
    begun, ended = feed.take()
    pipe = io.BytesIO(packed({"begun": begun, "ended": ended}))
    message = read_message(pipe)
    assert message is not None
    assert Begun(*message["begun"][0]) == Begun("7", 1.0, "m", 10, True, 1, "", (5.0,), (1.0,))
    assert Ended(*message["ended"][0]) == Ended(
        "7", True, "w", 11, 5, 2.0, 3.0, 4.0, (5.0,), (1.0,)
    )
    assert read_message(pipe) is None
    assert feed.take() == ([], [])
