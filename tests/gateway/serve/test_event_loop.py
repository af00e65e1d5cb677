"""What the gateway runs on."""

from __future__ import annotations

import asyncio

import pytest

from gateway.serve import event_loop

uvloop = pytest.importorskip("uvloop")


async def test_the_tests_run_on_the_loop_that_serves() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)


def test_where_uvloop_is_missing_asyncios_own_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "uvloop", None)
    loop = event_loop.new_event_loop()
    loop.close()
    assert not isinstance(loop, uvloop.Loop)
