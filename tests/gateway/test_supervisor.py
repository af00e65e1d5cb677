"""Background tasks that fail: told, counted, started again."""

from __future__ import annotations

import asyncio
import logging
from itertools import count

import aiohttp
import pytest

from gateway.config.scheduling import Slo
from gateway.emulator import EmbeddedEmulator
from gateway.metrics import Metrics
from gateway.supervisor import Supervisor
from gateway.workers.member import Member
from scheduler.scheduler import Scheduler
from tests.gateway.harness import gateway, until


@pytest.mark.parametrize("fault", [ValueError("a fault"), asyncio.CancelledError()])
async def test_a_task_that_fails_is_told_counted_and_started_again(
    caplog: pytest.LogCaptureFixture, fault: BaseException
) -> None:
    metrics, runs = Metrics(Slo()), count(1)
    supervisor = Supervisor(metrics, first_pause_s=0.001)
    started = asyncio.Event()

    async def loop() -> None:
        if next(runs) < 3:
            assert supervisor.tasks == {"dig": True}
            raise fault
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervisor.keep("dig", loop))
    await asyncio.wait_for(started.wait(), 10)
    assert b'lengthwise_background_failures_total{task="dig"} 2.0' in metrics.render()
    assert caplog.text.count("Traceback") == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert supervisor.tasks == {}


async def test_a_task_that_waits_to_start_again_does_not_run() -> None:
    supervisor = Supervisor(Metrics(Slo()), first_pause_s=60)

    async def loop() -> None:
        raise OSError

    task = asyncio.create_task(supervisor.keep("dig", loop))
    await until(lambda: "dig" in supervisor.tasks, "the task has begun")
    await until(lambda: not supervisor.tasks["dig"], "the task has failed")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_task_without_work_ends_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    supervisor = Supervisor(Metrics(Slo()))

    async def loop() -> None:
        pass

    await supervisor.keep("dig", loop)
    assert supervisor.tasks == {}
    assert caplog.text == ""


async def test_a_fault_in_one_workers_watch_ends_no_other_and_is_seen(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, sound = "http://127.0.0.1:9", Member.is_learning

    def broken(member: Member, scheduler: Scheduler, now: float) -> bool:
        if member.id == dead:
            raise ValueError
        return sound(member, scheduler, now)

    async def ready() -> dict[str, bool]:
        async with session.get(running.url + "/ready") as response:
            found: dict[str, bool] = (await response.json())["background"]
            return found

    async with gateway(emulator.url, dead) as running:
        watch = {"task": "probe workers"}
        tasks = await ready()
        assert tasks.keys() >= {"expire waiting requests", "probe workers"}
        assert all(tasks.values())
        assert running.metric("background_task_up", **watch) == 1
        monkeypatch.setattr(Member, "is_learning", broken)
        await until(lambda: running.metric("background_task_up", **watch) == 0, "it has failed")
        assert running.metric("background_failures_total", **watch) >= 1
        assert not (await ready())["probe workers"]
        other = running.app.state.fleet[emulator.url]
        assert other.watched
        before = other.probed
        await until(lambda: other.probed > before, "the other is probed")
        assert 0 <= running.metric("worker_probe_age_seconds", worker=emulator.url) < 30
        monkeypatch.undo()
        await until(lambda: running.metric("background_task_up", **watch) == 1, "it runs again")
