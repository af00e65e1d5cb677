"""Errors in the event loop that nobody catches."""

from __future__ import annotations

import asyncio

import pytest

from gateway.serve.loop_errors import LoopErrors
from tests.gateway.harness import until


async def test_an_error_in_a_callback_is_counted_and_logged_with_its_trace_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted: list[int] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(LoopErrors(lambda: counted.append(1)))
    try:
        for _ in range(3):
            loop.call_soon(int, "no number")
        await until(lambda: len(counted) == 3, "all are counted")
    finally:
        loop.set_exception_handler(before)
    assert caplog.text.count("Traceback") == 1
    assert "no number" in caplog.text
