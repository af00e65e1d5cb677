"""Pauses between messages: while jobs wait, starts and ends go together."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from grpclib.client import Channel, StreamStreamMethod

from gateway.remote_scheduler import pauses
from gateway.remote_scheduler.core import Core
from gateway.remote_scheduler.encoding import encode, from_scheduler
from gateway.remote_scheduler.front_messages import Hello, Release, Resubmitted, Submit
from gateway.remote_scheduler.pauses import LONGEST_S, pause_s
from gateway.remote_scheduler.scheduler_messages import Dispatched
from gateway.remote_scheduler.service import Bytes
from gateway.remote_scheduler.states import ATTACH, VERSION
from gateway.remote_scheduler.wire import job_state, worker_state
from tests.gateway.remote_scheduler.processes import served, short_folder
from tests.scheduler.builders import job, spec


def test_nothing_is_held_up_where_nothing_waits() -> None:
    assert pause_s(0, 10.0) == 0.0


def test_a_place_stays_free_for_a_small_part_of_an_answer() -> None:
    assert pause_s(1, 1e6) == LONGEST_S
    assert 2 * pause_s(9, 0.1) <= 0.005 * 0.1


async def starts(core: Core, path: Path, waiting: int) -> float:
    """Seconds between two starts, of which each is asked for at once; so many jobs wait then."""
    channel = Channel(path=str(path), codec=Bytes())
    method = StreamStreamMethod[bytes, bytes](channel, ATTACH, bytes, bytes)
    worker = worker_state(spec("a", slots=1), healthy=True)
    jobs = [Submit(n, job_state(job(str(n)))) for n in range(waiting + 3)]
    came: list[float] = []
    try:
        async with asyncio.timeout(10), method.open() as stream:
            hello = Hello(VERSION, "odd", "", None, 0)
            await stream.send_message(encode([hello, worker, *jobs, Resubmitted()]))
            core.end_hold(grace_over=True)
            while len(came) < 3:
                for entry in from_scheduler(await stream.recv_message() or b""):
                    if isinstance(entry, Dispatched):
                        came.append(time.monotonic())
                        await stream.send_message(encode([Release(entry.n, 10, 1.0)]))
            await stream.cancel()
    finally:
        channel.close()
    return came[2] - came[1]


async def test_starts_that_follow_each_other_wait_for_company_in_a_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each start is told a pause after the one before, with all that comes meanwhile."""
    monkeypatch.setattr(pauses, "LONGEST_S", 0.2)
    monkeypatch.setattr(pauses, "PART", 1.0)
    with short_folder() as folder:
        async with served(folder / "s") as core:
            assert await starts(core, folder / "s", waiting=5) > 0.1
