"""A real vLLM server for the tests that need one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.step_clock import ENGINE_FLAGS
from tests.conftest import missing
from tests.vllm import prepare
from tests.vllm.engine import VllmServer


@pytest.fixture(scope="session")
def vllm_home() -> Path:
    """The folder that prepare.py makes."""
    folder = prepare.home()
    if not prepare.is_prepared(folder):
        missing("the CPU build of vLLM", "python tests/vllm/prepare.py")
    return folder


@pytest.fixture(scope="session")
def vllm_server(vllm_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """A server that all tests share; each test leaves the server idle."""
    with VllmServer(
        home=vllm_home,
        log_dir=tmp_path_factory.mktemp("vllm"),
        served_model_names=["tiny", "Qwen/Qwen2.5-7B-Instruct-1M"],
        max_num_seqs=8,
        scheduling_policy="priority",
        extra_args=[*ENGINE_FLAGS],
    ) as server:
        yield server


@pytest.fixture(scope="session")
def cramped_server(
    vllm_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., VllmServer]]:
    """A function that returns a server whose KV cache is too small for its sequences.

    All tests share the server, because a start takes half a minute: the function starts it where a
    test has ended it, or where it has another scheduling policy than the one asked for.
    """
    server = VllmServer(
        home=vllm_home,
        log_dir=tmp_path_factory.mktemp("cramped"),
        max_num_seqs=12,
        max_model_len=2048,
        num_gpu_blocks_override=22,
        extra_args=["--no-enable-prefix-caching", *ENGINE_FLAGS],
    )

    def started(policy: str | None = None) -> VllmServer:
        if not server.running or policy not in (None, server.scheduling_policy):
            server.scheduling_policy = policy or server.scheduling_policy
            server.restart()
        return server

    yield started
    server.stop()
