"""Starting vLLM for the operator; the real start is in tests/vllm."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from gateway.workers.launch import LaunchError, api_key, max_num_seqs, vllm_server
from tests.gateway.harness import until

VLLM = """\
#!/bin/sh
sleep 600 &
echo $! > "$0.new"
mv "$0.new" "$0.pid"
wait
"""
"""A vLLM with an engine process that writes down its number."""


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (["--max-num-seqs", "8"], None),
        (["--api-key", "secret", "--seed", "1"], "secret"),
        (["--api-key=secret"], "secret"),
        ([], None),
    ],
)
def test_the_gateway_knows_the_key_it_started_vllm_with(flags: list[str], key: str | None) -> None:
    assert api_key(flags) == key


@pytest.mark.parametrize(
    ("flags", "slots"),
    [
        (["--max-num-seqs", "8"], 8),
        (["--seed", "1", "--max-num-seqs=64"], 64),
        (["--max_num_seqs", "5"], 5),
        (["--max-num-seqs", "8", "--data-parallel-size", "2"], None),
        (["--max-num-seqs", "0"], None),
        (["--max-num-seqs", "many"], None),
        (["--max-num-seqs", "9" * 5000], None),
        ([], None),
    ],
)
def test_the_gateway_knows_the_slots_it_started_vllm_with(
    flags: list[str], slots: int | None
) -> None:
    assert max_num_seqs(flags) == slots


async def test_without_vllm_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LaunchError, match="pip install"):
        async with vllm_server("any/model", [], 1.0):
            pass


async def test_a_signal_just_as_vllm_starts_ends_all_of_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, pid = tmp_path / "vllm", tmp_path / "vllm.pid"
    program.write_text(VLLM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    start = asyncio.ensure_future(vllm_server("any/model", [], 60.0).__aenter__())
    await asyncio.sleep(0)  # the server's task begins
    await asyncio.sleep(0)  # the process begins
    end = time.monotonic() + 10
    while not pid.exists() and time.monotonic() < end:  # hold the event loop: the start stays open
        time.sleep(0.01)  # noqa: ASYNC251
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await until(lambda: not runs(int(pid.read_text())), "the engine has ended")


def runs(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
