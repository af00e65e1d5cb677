"""``lengthwise emulate``: its flags, its exit codes, and how it ends."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
import time

import aiohttp
import pytest

from gateway.cli import main
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.emulator.command import add_emulate_arguments, emulator_config
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.emulator.workers import long_request


def test_a_configuration_with_which_vllm_would_not_start_is_refused() -> None:
    with pytest.raises(ValueError, match="exceeds the KV cache"):
        EmulatorConfig(engine=EngineConfig(num_blocks=10))
    with pytest.raises(ValueError, match="model"):
        EmulatorConfig(models=())
    with pytest.raises(ValueError, match="speed"):
        EmbeddedEmulator(EmulatorConfig(speed=0))


def test_each_flag_reaches_the_setting_that_it_names() -> None:
    parser = argparse.ArgumentParser()
    add_emulate_arguments(parser)
    assert emulator_config(parser.parse_args([])) == EmulatorConfig()
    engine = "--max-num-seqs 3 --max-model-len 640 --max-num-batched-tokens 99 --block-size 32"
    blocks = "--num-gpu-blocks-override 22 --scheduling-policy priority"
    worker = "--served-model-name a b --api-key secret --speed 2"
    config = emulator_config(parser.parse_args(f"{engine} {blocks} {worker}".split()))
    assert config == EmulatorConfig(
        models=("a", "b"),
        engine=EngineConfig(
            max_num_seqs=3,
            num_blocks=21,
            block_size=32,
            max_num_batched_tokens=99,
            max_model_len=640,
            scheduling_policy="priority",
        ),
        speed=2.0,
        api_key="secret",
    )


def test_flags_that_contradict_each_other_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--num-gpu-blocks-override", "10"]) == 2
    assert "max_model_len 8192 exceeds the KV cache of 144 tokens" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--max-model-len", "0"),
        ("--max-num-seqs", "-1"),
        ("--served-model-name", ""),
        ("--api-key", " "),
    ],
)
def test_a_flag_with_a_wrong_value_is_named(
    capsys: pytest.CaptureFixture[str], flag: str, value: str
) -> None:
    assert main(["emulate", f"{flag}={value}"]) == 2
    assert flag in capsys.readouterr().err


@pytest.mark.parametrize("busy", [False, True])
async def test_the_command_ends_with_0_on_sigterm(busy: bool) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Without gateway.cli, whose other commands take seconds to import.
    program = (
        "import argparse, sys; from gateway.emulator.command import *;"
        "parser = argparse.ArgumentParser(); add_emulate_arguments(parser);"
        "sys.exit(run_emulate(parser.parse_args()))"
    )
    flags = ("--port", str(port), "--speed", "0.1", "--served-model-name", "a", "b")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *flags, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await _until_healthy(session)
            if busy:
                async with long_request(session, streaming=True):
                    process.send_signal(signal.SIGTERM)
                    assert await asyncio.wait_for(process.wait(), 10) == 0
            else:
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_healthy(session: aiohttp.ClientSession) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            async with session.get("/health") as response:
                assert response.status == 200
                return
        except aiohttp.ClientError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
