"""``lengthwise serve`` as an operator runs it."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.cli import main
from tests.gateway.harness import PATIENCE_S, chat, forced

COMMAND = [sys.executable, "-m", "gateway.cli", "serve", "--port", "0"]


@asynccontextmanager
async def _served(
    *flags: str, stderr: int = PIPE, env: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Process, str, str]]:
    """The process, its URL and its banner."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *flags, stdout=PIPE, stderr=stderr, env={**os.environ, **(env or {})}
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            first = (await process.stdout.readline()).decode()
            banner = (await process.stdout.readuntil(b"}'\n")).decode()
        yield process, first.split()[-1], banner
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_without_arguments_it_serves_an_emulated_worker_and_says_how_to_try() -> None:
    async with _served() as (_, url, banner):
        assert "EMULATED WORKER" in banner
        curl = banner[banner.index("curl") :].replace("curl", "curl -s")
        curl = curl.replace('"messages"', '"vllm_xargs": {"target_tokens": 9}, "messages"')
        asked = await asyncio.create_subprocess_shell(curl, stdout=PIPE)
        answer, _ = await asked.communicate()
        assert url in curl
        assert b'"finish_reason":"stop"' in answer


async def test_the_example_has_a_key_where_one_is_needed() -> None:
    key = "a" * 20
    async with _served(env={"LENGTHWISE_ACCESS_KEY_ALICE": key}) as (_, _, banner):
        curl = banner[banner.index("curl") :].replace("curl", "curl -s")
        curl = curl.replace('"messages"', '"max_tokens": 2, "messages"')
        environment = {**os.environ, "KEY": key}
        asked = await asyncio.create_subprocess_shell(curl, stdout=PIPE, env=environment)
        answer, _ = await asked.communicate()
        assert b'"finish_reason"' in answer


async def test_sigterm_lets_what_runs_end_and_exits_with_0(
    session: aiohttp.ClientSession,
) -> None:
    async with _served(env={"LENGTHWISE_SHUTDOWN_LAME_DUCK_S": "0"}) as (process, url, _):
        body = chat(stream=True, vllm_xargs=forced(30))
        async with session.post(url + "/v1/chat/completions", json=body) as response:
            await response.content.readline()
            process.send_signal(signal.SIGTERM)
            text = (await response.read()).decode()
            assert text.rstrip().endswith("data: [DONE]")
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
        assert process.stderr is not None
        log = (await process.stderr.read()).decode()
        assert "draining" in log
        assert "Traceback" not in log


@pytest.mark.parametrize("with_keys", [False, True])
async def test_a_start_beyond_this_machine_warns_where_nobody_needs_a_key(with_keys: bool) -> None:
    env = {"LENGTHWISE_ACCESS_KEY_ALICE": "a-key-of-alice's"} if with_keys else {}
    async with _served("--host", "0.0.0.0", env=env) as (process, _, _):
        process.kill()
        assert process.stderr is not None
        log = (await process.stderr.read()).decode()
    assert log.count("no key is needed") == (not with_keys)
    assert "a-key-of" not in log


async def test_an_idle_connection_is_kept_as_long_as_configured() -> None:
    async with _served(env={"LENGTHWISE_LISTEN_KEEP_ALIVE_S": "1"}) as (_, url, _):
        reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
        writer.write(b"GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n")
        async with asyncio.timeout(4.0):  # uvicorn's own 5 s would be too late
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


def refused(*flags: str) -> None:
    assert main(["serve", *flags]) == 2


def test_a_bad_configuration_is_refused_naming_file_line_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("scheduling:\n  policy: sejf\n  agein: 1\nqueue:\n  max_waiting: -1\n")
    refused("--config", str(file))
    errors = capsys.readouterr().err
    assert re.search(r"bad\.yaml:3: scheduling\.agein: .*ageing", errors)
    assert re.search(r"bad\.yaml:5: queue\.max_waiting: .*-1", errors)


def test_a_bad_flag_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    refused("--policy", "lifo")
    assert "--policy" in capsys.readouterr().err


async def test_a_bad_variable_ends_the_command_with_2_and_no_trace() -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stderr=PIPE, env={**os.environ, "LENGTHWISE_QUEUE_TIMEOUT_S": "soon"}
    )
    async with asyncio.timeout(PATIENCE_S):
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"LENGTHWISE_QUEUE_TIMEOUT_S" in errors
    assert b"Traceback" not in errors


async def test_a_predictor_that_cannot_be_read_is_refused_by_name_and_serving_goes_on(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    env = {
        "LENGTHWISE_PREDICTOR_PATH": str(tmp_path),
        "LENGTHWISE_SHUTDOWN_LAME_DUCK_S": "0",
    }
    async with _served(env=env) as (process, url, _):
        body = chat(max_tokens=3, vllm_xargs=forced(3))
        async with session.post(url + "/v1/chat/completions", json=body) as response:
            assert response.status == 200
        async with session.get(url + "/metrics") as response:
            assert "lengthwise_predictor_loaded 0.0" in await response.text()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
        assert process.stderr is not None
        log = (await process.stderr.read()).decode()
        assert str(tmp_path) in log
        assert "recent lengths are used" in log


async def test_with_stderr_that_nobody_reads_it_serves_and_ends(
    session: aiohttp.ClientSession,
) -> None:
    reading, writing = os.pipe()
    env = {"LENGTHWISE_SHUTDOWN_LAME_DUCK_S": "0"}
    async with _served(stderr=writing, env=env) as (process, url, _):
        _fill(writing)
        for number in (signal.SIGHUP, signal.SIGUSR1):  # each leaves a line in the log
            process.send_signal(number)
        body = chat(max_tokens=3, vllm_xargs=forced(3))
        async with session.post(url + "/v1/chat/completions", json=body) as response:
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
    for one in (reading, writing):
        os.close(one)


def _fill(pipe: int) -> None:
    """Fill a pipe; its descriptor, which the process has too, keeps waiting for room."""
    other = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(other, b"x" * 4096)
    os.close(other)


async def test_a_second_signal_ends_the_process_within_a_second_and_streams_hear_why(
    session: aiohttp.ClientSession,
) -> None:
    async with _served() as (process, url, _):
        body = chat(stream=True, vllm_xargs=forced(5000))
        async with session.post(url + "/v1/chat/completions", json=body) as response:
            await response.content.readline()
            process.send_signal(signal.SIGTERM)
            assert process.stderr is not None
            async with asyncio.timeout(PATIENCE_S):
                await process.stderr.readuntil(b"draining")
            begun = asyncio.get_running_loop().time()
            process.send_signal(signal.SIGTERM)
            assert "shutting_down" in (await response.read()).decode()
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 1
        assert asyncio.get_running_loop().time() - begun < 1.5  # on a busy machine
