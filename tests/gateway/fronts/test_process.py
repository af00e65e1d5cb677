"""A child that dies is started again, and given up when it dies again and again."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

import pytest

from gateway.fronts import process
from gateway.fronts.process import MOST_FAILURES, Child, GaveUp
from tests.gateway.harness import PATIENCE_S, until

SERVES = "import socket, sys, time; s = socket.socket(fileno=int(sys.argv[1])); s.send(b'ready')\n"


def python(code: str) -> Callable[[int], Sequence[str]]:
    return lambda link: [sys.executable, "-c", code, str(link)]


async def test_a_child_that_dies_is_started_again_and_frees_what_it_held() -> None:
    deaths: list[int] = []
    child = Child(
        "front 1", python(SERVES + "time.sleep(99)"), died=lambda: deaths.append(child.pid)
    )
    keeping = asyncio.create_task(child.keep())
    await asyncio.wait_for(child.serving.wait(), PATIENCE_S)
    first = child.pid
    child._process.send_signal(signal.SIGKILL)  # type: ignore[union-attr]
    await until(lambda: child.state == "serving" and child.pid != first, "it serves again")
    assert deaths == [first]
    assert child.restarts == 1
    child.signal(signal.SIGTERM)
    assert await asyncio.wait_for(keeping, PATIENCE_S) == 128 + signal.SIGTERM


async def test_a_child_that_cannot_start_is_given_up() -> None:
    starts: list[int] = []

    def command(link: int) -> Sequence[str]:
        starts.append(link)
        return [sys.executable, "-S", "-c", "raise SystemExit(3)"]

    with pytest.raises(GaveUp, match="front 1 ended with exit code 3, 5 times"):
        await asyncio.wait_for(Child("front 1", command).keep(), PATIENCE_S)
    assert len(starts) == MOST_FAILURES


async def test_a_wrong_configuration_is_told_at_once() -> None:
    with pytest.raises(GaveUp, match="exit code 2"):
        await asyncio.wait_for(Child("front 1", python("raise SystemExit(2)")).keep(), PATIENCE_S)


async def test_a_file_that_became_wrong_ends_no_gateway_that_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "LONGEST_PAUSE_S", 0.1)
    wrong = ["raise SystemExit(2)"] * (MOST_FAILURES + 1)
    codes = iter([SERVES, *wrong, SERVES + "time.sleep(99)"])
    child = Child("front 1", lambda link: [sys.executable, "-S", "-c", next(codes), str(link)])
    keeping = asyncio.create_task(child.keep())
    await until(lambda: child.state == "serving" and child.restarts > MOST_FAILURES, "it is back")
    child.signal(signal.SIGTERM)
    await asyncio.wait_for(keeping, PATIENCE_S)
