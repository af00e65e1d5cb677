"""The log on its way out: full pipes, closed ones, and what is lost there."""

from __future__ import annotations

import contextlib
import logging
import os
import select
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event
from time import monotonic

import pytest

from gateway.serve import log_output
from gateway.serve.log_output import LogOutput

PIPE_BYTES = 1 << 16


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends, for reading and for writing."""
    reading, writing = os.pipe()
    yield reading, writing
    for one in (reading, writing):
        with contextlib.suppress(OSError):  # the test has closed it
            os.close(one)


def _entries(output: LogOutput, count: int, text: str = "x") -> None:
    for number in range(count):
        output.handler.handle(
            logging.LogRecord("t", logging.INFO, __file__, 1, f"{number} %s", (text,), None)
        )


def _read(reading: int, enough: bytes) -> bytes:
    data = b""
    while enough not in data and select.select([reading], [], [], 10)[0]:
        data += os.read(reading, 1 << 20)
    return data


def test_entries_come_out_in_order_with_time_and_level(pipe: tuple[int, int]) -> None:
    output = LogOutput(pipe[1])
    with output.running():
        _entries(output, 3)
    lines = _read(pipe[0], b"2 x").decode().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["INFO 0 x", "INFO 1 x", "INFO 2 x"]


def test_no_secret_comes_out(pipe: tuple[int, int]) -> None:
    output = LogOutput(pipe[1])
    output.hide(["of-a-worker"])
    with output.running():
        _entries(output, 1, "of-a-worker, Authorization: Bearer of-a-client")
        _entries(output, 2)
    text = _read(pipe[0], b"1 x").decode()
    assert "of-a-" not in text
    assert "Authorization" in text


def test_a_reader_that_stands_still_holds_up_nobody_and_what_is_lost_is_counted(
    pipe: tuple[int, int],
) -> None:
    output, lost = LogOutput(pipe[1], most=10), []
    with output.running(limit_s=0.01):
        _entries(output, 1, "y" * (2 * PIPE_BYTES))  # the thread now waits in its write
        begun = monotonic()
        _entries(output, 40)
        assert monotonic() - begun < 5
        output.tell_drops(lambda: lost.append(1))
        early = len(lost)
        assert 29 <= early <= 40
        _entries(output, 5)
        assert len(lost) == early + 5
    text = _read(pipe[0], b"entries of the log before this one were dropped")
    assert f"{len(lost)} entries of the log".encode() in text


def test_a_closed_pipe_costs_the_entries_and_nothing_else(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    output, lost = LogOutput(pipe[1]), []
    output.tell_drops(lambda: lost.append(1))
    with output.running():
        _entries(output, 3)
    assert len(lost) == 3


def test_entries_gather_while_the_writing_thread_rests(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rests, go_on = SimpleQueue[float](), Event()

    def rest(seconds: float) -> None:
        if seconds == log_output.GATHER_S:
            rests.put(seconds)
            go_on.wait(10)

    monkeypatch.setattr(log_output, "sleep", rest)
    output = LogOutput(pipe[1])
    with output.running(limit_s=10):
        rests.get(timeout=10)  # nothing has come yet
        _entries(output, 3)
        assert not select.select([pipe[0]], [], [], 0)[0], "the thread was woken for an entry"
        go_on.set()
        assert _read(pipe[0], b"2 x").count(b"INFO") == 3
    assert rests.qsize() <= 2
