"""Data and programs that some tests need: if missing, the test is skipped with the remedy."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests import side_by_side
from tests.castillo import find_data


def missing(what: str, remedy: str) -> NoReturn:
    """Skips the test with the remedy as the reason; fails in CI, where nothing may be missing."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes", "on"}:
        pytest.fail(f"{what} is missing, run: {remedy}", pytrace=False)
    pytest.skip(f"{what} is missing, run: {remedy}")


VLLM_LIMIT_S = 300
"""Seconds for a test on a real vLLM; other tests have the ``timeout`` of pyproject.toml."""


def pytest_configure(config: pytest.Config) -> None:
    """Lets a test that runs pytest itself do so in one process, whatever PYTEST_ADDOPTS says."""
    if _in_several_processes(config):
        os.environ.pop("PYTEST_ADDOPTS", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Gives tests on a real vLLM, on one busy core, a longer limit."""
    for item in items:
        if item.get_closest_marker("vllm"):
            item.add_marker(pytest.mark.timeout(VLLM_LIMIT_S))
    if _in_several_processes(config):
        items.sort(key=side_by_side.place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Says which tests stay in one process where there are several (``-n 2``)."""
    return side_by_side.scheduler(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Lets a test with the mark ``alone`` run while no other process has one."""
    if not _in_several_processes(item.config):
        return (yield)
    with side_by_side.turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


def _in_several_processes(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture(autouse=True)
def _priority_kept() -> Iterator[None]:
    """No test lowers the priority of those after it: beside other work they would take hours."""
    before = _niceness()
    yield
    assert _niceness() == before, "run what calls os.nice in a process of its own"


def _niceness() -> int:
    return os.nice(0) if hasattr(os, "nice") else 0


@pytest.fixture(scope="session")
def castillo_data() -> Path:
    """The folder with the CASTILLO lengths."""
    return find_data() or missing("CASTILLO", "export LENGTHWISE_DATA=<its folder>")
