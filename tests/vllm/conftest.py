"""A real vLLM server for the tests that need one."""

from collections.abc import Iterator
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
