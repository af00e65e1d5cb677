"""The configuration of a running process: its log, its end, SIGHUP."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import uvicorn

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.serve.log_output import LogOutput
from gateway.serve.logs import Logs
from gateway.serve.reloading import follow_configuration
from gateway.serve.server import DrainingServer
from gateway.serve.signals import EndSignals
from tests.gateway.harness import PATIENCE_S, chat, post, until
from tests.gateway.live_config.running import reloadable, write

SECRET = "key-of-the-tenant"
COMMAND = [sys.executable, "-m", "gateway.cli", "serve", "--port", "0"]


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[tuple[Process, str]]:
    """The process and its URL."""
    env = {**os.environ, "LENGTHWISE_PREDICTOR_ENABLED": "false"}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--config", str(path), stdout=PIPE, stderr=PIPE, env=env
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            first = (await process.stdout.readline()).decode()
        yield process, first.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def told(process: Process, pattern: str) -> str:
    """The next entry of the log that matches."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        while True:
            line = (await process.stderr.readline()).decode()
            assert line, f"the log has ended without {pattern}"
            if re.search(pattern, line):
                return line


async def test_a_process_follows_its_file_and_sighup_tells_what_came(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    path = tmp_path / "lengthwise.yaml"
    write(path, "queue:\n  max_waiting: 5\n")
    async with serving(path) as (process, url):
        write(path, "queue:\n  max_waiting: 6\n")
        await told(process, "read again; changed: queue.max_waiting$")
        write(path, "queue:\n  max_waiting: none\nlisten:\n  port: 1\n")
        refused = await told(process, "refused, the old one stays")
        assert f"{path}:2: queue.max_waiting" in refused
        process.send_signal(signal.SIGHUP)
        await told(process, "SIGHUP: reading the configuration again")
        await told(process, "refused, the old one stays")
        async with session.get(url + "/ready") as response:
            assert response.status == 200
            assert (await response.json())["configuration"]["last_reload"] == "refused"
        assert (await post(session, url, chat(max_tokens=3)))[0] == 200
        write(path, "log: {level: warning}\nlisten:\n  host: 0.0.0.0\n  port: 1\n")
        process.send_signal(signal.SIGHUP)  # the flag --port still counts more than the file
        await told(process, f"{path}:3: listen.host has changed and needs a restart")
        async with session.get(url + "/ready") as response:
            assert (await response.json())["configuration"]["needs_restart"] == ["listen.host"]


async def test_the_log_and_the_end_follow_the_configuration(tmp_path: Path) -> None:
    root = logging.getLogger()
    level = root.level
    reading, writing = os.pipe()
    with EmbeddedEmulator(EmulatorConfig()) as worker:
        async with reloadable(tmp_path / "lengthwise.yaml", worker.url) as running:
            state, signals, output = running.app.state, EndSignals(), LogOutput(writing)
            server = DrainingServer(
                *(uvicorn.Config(running.app), state.connections, "", signals, state.leaving),
                settings=running.live.in_force.shutdown,
            )
            follow_configuration(running.live, Logs(output, None), server, signals, lambda: False)
            known = {"tenants": {"known": [{"name": "a", "api_key": SECRET}]}}
            more = {"log": {"level": "error"}, "shutdown": {"lame_duck_s": 1}}
            write(running.path, running.having({**known, **more}))
            assert signals.on_hangup is not None
            signals.on_hangup()
            await until(lambda: root.level == logging.ERROR, "the level has changed")
            assert server._announce_s == 1
            entry = logging.LogRecord("x", logging.ERROR, "", 0, f"has {SECRET}", None, None)
            assert output._format.format(entry).endswith("has ***")
    root.setLevel(level)
    os.close(reading)
    os.close(writing)
