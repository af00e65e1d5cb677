"""How the tests share two processes: ``python -m pytest -n 2`` (pytest-xdist).

The tests of a file stay in one process, and so do those that share a started vLLM. What takes
longest begins first, so that no process waits for the other at the end. A test with the mark
``alone`` measures time: while it runs, no other test does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DOOR, ROOM = Path(__file__), Path(__file__).with_name("conftest.py")

FIRST = (
    "tests/vllm",
    "tests/vllm/clients",
    "tests/test_project.py",
)
"""Work units that take minutes, the longest first."""


def unit(nodeid: str) -> str:
    """The tests that one process runs: those of a file, or all that share a vLLM."""
    file = nodeid.partition("::")[0]
    return file.rpartition("/")[0] if file.startswith("tests/vllm/") else file


def place(item: pytest.Item) -> int:
    """Where a test belongs in the order of the work units."""
    name = unit(item.nodeid)
    return FIRST.index(name) if name in FIRST else len(FIRST)


def scheduler(config: pytest.Config, log: Any) -> Any:
    """What gives each process its work units, in the order in which tests are collected."""
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return ByUnit(config, log)


@contextlib.contextmanager
def turn(*, alone: bool, door: Path = DOOR, room: Path = ROOM) -> Iterator[None]:
    """Wait for the turn of a test: many tests run at a time, or one that is alone.

    Who wants to be alone keeps the door until all have left the room. The locks are those of two
    files that every process has.
    """
    import fcntl  # Windows has none

    with door.open() as entering, room.open() as inside:
        fcntl.flock(entering, fcntl.LOCK_EX)
        fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(entering, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(inside, fcntl.LOCK_UN)  # processes that a test has forked hold it too
