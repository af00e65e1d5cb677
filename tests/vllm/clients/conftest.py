"""The clients that the tests try, and a vLLM that has what clients ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.vllm.clients import prepare
from tests.vllm.engine import VllmServer

FLAGS = (
    "--enable-auto-tool-choice",
    "--tool-call-parser",
    "hermes",
    # The random model says nothing that fits a schema unless it is held to it, without blanks.
    "--tool-strict-level",
    "parameter",
    "--structured-outputs-config",
    '{"backend": "xgrammar", "disable_any_whitespace": true}',
)


@pytest.fixture(scope="session")
def clients_home() -> Path:
    """The folder that prepare.py makes."""
    folder = prepare.home()
    if not prepare.is_prepared(folder):
        missing("the clients", "python3 -m tests.vllm.clients.prepare")
    return folder


@pytest.fixture(scope="module")
def client_server(
    vllm_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VllmServer]:
    """A server with tools, schemas and stored responses.

    Other tests have another server: a tool parser changes the events of every stream.
    """
    with VllmServer(
        home=vllm_home,
        log_dir=tmp_path_factory.mktemp("clients"),
        scheduling_policy="priority",
        extra_args=[*FLAGS],
        environment={"VLLM_ENABLE_RESPONSES_API_STORE": "1"},
    ) as server:
        yield server
