"""Two processes share the tests: which stay together, and which run alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.side_by_side import turn, unit


@pytest.fixture
def enter(tmp_path: Path) -> Callable[[bool, threading.Event], threading.Event]:
    """Starts a turn in a thread that lasts until the event; returns the event of its beginning."""
    door, room = tmp_path / "door", tmp_path / "room"
    door.touch()
    room.touch()
    in_turn = partial(turn, door=door, room=room)

    def enter(alone: bool, end: threading.Event) -> threading.Event:
        begun = threading.Event()

        def run() -> None:
            with in_turn(alone=alone):
                begun.set()
                end.wait(30)

        threading.Thread(target=run, daemon=True).start()
        return begun

    return enter


def test_a_test_that_is_alone_waits_for_the_others_and_they_for_it(
    enter: Callable[[bool, threading.Event], threading.Event],
) -> None:
    first, alone, last = threading.Event(), threading.Event(), threading.Event()
    assert enter(False, first).wait(30)
    assert enter(False, last).wait(30), "ordinary tests run beside each other"
    waiting = enter(True, alone)
    first.set()
    assert not waiting.wait(0.1), "one is still there"
    last.set()
    assert waiting.wait(30)
    after = enter(False, last)
    assert not after.wait(0.1), "nobody enters beside it"
    alone.set()
    assert after.wait(30)


def test_what_shares_a_vllm_stays_in_one_process() -> None:
    assert unit("tests/vllm/test_engine.py::test_a[x/y]") == unit("tests/vllm/test_gateway.py::b")
    assert unit("tests/vllm/clients/test_clients.py::a") != unit("tests/vllm/test_gateway.py::b")
    assert unit("tests/test_files.py::a") == "tests/test_files.py"
