"""A child that dies is started again, and given up when it dies again and again."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

import pytest

from gateway.fronts import back_off
from gateway.fronts.back_off import MOST_FAILURES
from gateway.fronts.process import Child, GaveUp
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
    monkeypatch.setattr(back_off, "LONGEST_PAUSE_S", 0.1)
    wrong = ["raise SystemExit(2)"] * (MOST_FAILURES + 1)
    codes = iter([SERVES, *wrong, SERVES + "time.sleep(99)"])
    child = Child("front 1", lambda link: [sys.executable, "-S", "-c", next(codes), str(link)])
    keeping = asyncio.create_task(child.keep())
    await until(lambda: child.state == "serving" and child.restarts > MOST_FAILURES, "it is back")
    child.signal(signal.SIGTERM)
    await asyncio.wait_for(keeping, PATIENCE_S)


async def test_a_signal_while_a_child_is_being_started_reaches_it() -> None:
    for ticks in (1, 2, 3, 4):
        child = Child("front 1", python("import time; time.sleep(99)"))
        keeping = asyncio.create_task(child.keep())
        for _ in range(ticks):
            await asyncio.sleep(0)
        child.signal(signal.SIGTERM)
        assert await asyncio.wait_for(keeping, 10) == 0


async def test_sighup_waits_for_a_child_that_does_not_serve_yet() -> None:
    hears = "import signal\nsignal.signal(signal.SIGHUP, lambda *_: sys.exit(7))\n"
    child = Child("front 1", python("import sys\n" + hears + SERVES + "time.sleep(99)"))
    keeping = asyncio.create_task(child.keep())
    await until(lambda: child.pid != 0, "it is started")
    child.tell(signal.SIGHUP)  # it would die of it now
    child.tell(signal.SIGUSR1)
    first = child.pid
    await until(lambda: child.served, "it serves")
    assert child.pid == first
    assert child._process is not None
    assert await asyncio.wait_for(child._process.wait(), PATIENCE_S) == 7
    child.signal(signal.SIGTERM)
    await asyncio.wait_for(keeping, PATIENCE_S)


async def test_a_child_that_the_system_cannot_start_ends_no_gateway_that_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(back_off, "LONGEST_PAUSE_S", 0.01)
    missing = iter([False, *[True] * (MOST_FAILURES + 1), False])

    def command(link: int) -> Sequence[str]:
        if next(missing):
            return ["/no/such/program"]
        return python(SERVES + ("" if not child.served else "time.sleep(99)"))(link)

    child = Child("front 1", command)
    keeping = asyncio.create_task(child.keep())
    await until(lambda: child.state == "serving" and child.restarts > MOST_FAILURES, "it is back")
    child.signal(signal.SIGTERM)
    await asyncio.wait_for(keeping, PATIENCE_S)


async def test_a_child_that_the_system_never_could_start_is_given_up() -> None:
    with pytest.raises(GaveUp, match=r"could not be started .*, 5 times"):
        await asyncio.wait_for(Child("x", lambda _: ["/no/such/program"]).keep(), PATIENCE_S)
