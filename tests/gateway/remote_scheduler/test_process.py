"""The scheduler's process and its fronts: its death, theirs, and a second one."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import stat
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.remote_scheduler.scheduling import Scheduling
from gateway.scheduling.dispatcher import Rejected
from tests.gateway.harness import until
from tests.gateway.remote_scheduler.links import held_by_scheduler
from tests.gateway.remote_scheduler.processes import (
    SchedulerProcess,
    front_at,
    remote_of,
    scheduler_process,
    short_folder,
    there,
)
from tests.scheduler.builders import job, spec

SLOTS, WORKERS = 4, ("v", "w")


class Load:
    """Requests through several fronts, and what was seen of them."""

    def __init__(self, fronts: list[Scheduling]) -> None:
        self.fronts = fronts
        self.starts: Counter[str] = Counter()
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.ended = 0
        self.random = random.Random(7)

    async def request(self, number: int, seconds: float) -> None:
        """One request from its submission to the end of its answer."""
        front, loop = self.fronts[number % len(self.fronts)], asyncio.get_running_loop()
        one = job(f"job {number}", arrival=loop.time(), tokens=1 + 100 * seconds)
        async with front.dispatcher.slot(one) as slot:
            worker = (await slot.wait()).worker_id
            self.starts[one.id] += 1
            self.running[worker] += 1
            self.most[worker] = max(self.most[worker], self.running[worker])
            await asyncio.sleep(seconds)
            slot.progress(int(100 * seconds))
            slot.attained, slot.service_s = int(100 * seconds), seconds
            self.running[worker] -= 1
        self.ended += 1

    def begin(self, count: int) -> list[asyncio.Task[None]]:
        """So many requests at once."""
        seconds = [self.random.uniform(0.02, 0.15) for _ in range(count)]
        return [
            asyncio.create_task(self.request(number, one)) for number, one in enumerate(seconds)
        ]


async def test_a_scheduler_that_is_killed_twice_loses_nothing_and_serves_nothing_twice() -> None:
    count = 400
    with short_folder() as folder:
        path = folder / "s"
        async with scheduler_process(path, 2) as process, AsyncExitStack() as stack:
            fronts = [await stack.enter_async_context(front_at(path, f"f{n}")) for n in range(2)]
            for front in fronts:
                for id in WORKERS:
                    remote_of(front).set_worker(spec(id, slots=SLOTS))
            await there(*fronts)
            load = Load(fronts)
            tasks = load.begin(count)
            for share in (0.2, 0.5):
                await until(lambda share=share: load.ended > share * count, "some have ended")  # type: ignore[misc]
                assert sum(load.running.values()) > 0
                await process.kill()
                await until(lambda: all(f.dispatcher.away() for f in fronts), "it is missed")
                await process.start()
                begun = asyncio.get_running_loop().time()
                await there(*fronts)
                assert asyncio.get_running_loop().time() - begun < 3.0  # 0.4 s on an idle machine
            await asyncio.gather(*tasks)
            assert load.ended == count
            assert set(load.starts.values()) == {1}, "a job was dispatched twice"
            assert max(load.most.values()) <= SLOTS + spec().engine_queue
            assert sum(load.running.values()) == 0
            for front in fronts:
                assert held_by_scheduler(remote_of(front)) == 0
                await until(
                    lambda front=front: not any(map(len, remote_of(front).workers.values())),  # type: ignore[misc]
                    "no slot has leaked",
                )
                assert remote_of(front).waiting == 0
                assert front.connection is not None
                assert front.connection.reconnects == 2


async def test_what_runs_as_a_scheduler_dies_keeps_its_slot_with_the_next_one() -> None:
    with short_folder() as folder:
        path = folder / "s"
        async with scheduler_process(path, 1) as process, front_at(path) as front:
            remote_of(front).set_worker(spec("w"))
            remote_of(front).set_worker(spec("v", models=("n",)))
            await there(front)
            now, slot = asyncio.get_running_loop().time(), front.dispatcher.slot
            async with AsyncExitStack() as answer:
                runs = slot(job("runs", arrival=now, tokens=10_000))
                await (await answer.enter_async_context(runs)).wait()
                # by its arrival and its length it would go first, were the other one queued again
                async with slot(job("waits", arrival=now - 1.0, tokens=10)) as waits:
                    await until(lambda: remote_of(front).waiting == 1, "it waits")
                    await process.kill()
                    await until(front.dispatcher.away, "the scheduler is missed")
                    await process.start()
                    await there(front)
                    async with slot(job("last", model="n", arrival=now)) as last:
                        async with asyncio.timeout(5):
                            assert (await last.wait()).worker_id == "v"  # the next one has begun
                    assert not waits.decided, "a second request has the only slot"
                    await answer.aclose()
                    async with asyncio.timeout(5):
                        assert (await waits.wait()).worker_id == "w"


FRONT = """
import asyncio, sys
from pathlib import Path
from tests.gateway.remote_scheduler.processes import front_at, remote_of, there
from tests.scheduler.builders import job, spec

async def main():
    async with front_at(Path(sys.argv[1]), "dying") as front:
        remote_of(front).set_worker(spec("w", slots=1))
        await there(front)
        async with front.dispatcher.slot(job("1")) as first, front.dispatcher.slot(job("2")):
            await first.wait()
            print("running", flush=True)
            await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_front_that_is_killed_frees_what_it_held_at_once() -> None:
    with short_folder() as folder:
        path = folder / "s"
        async with scheduler_process(path, 2), front_at(path, "living") as front:
            remote_of(front).set_worker(spec("w", slots=1))
            await there(front)
            dying = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", FRONT, str(path)), stdout=asyncio.subprocess.PIPE
            )
            assert dying.stdout is not None
            async with asyncio.timeout(30):
                assert await dying.stdout.readline() == b"running\n"
            async with front.dispatcher.slot(job("3", tokens=1000)) as slot:
                await until(lambda: remote_of(front).waiting == 2, "both fronts' jobs wait")
                assert not slot.decided
                os.kill(dying.pid, signal.SIGKILL)
                async with asyncio.timeout(2):
                    assert (await slot.wait()).worker_id == "w"
            await dying.wait()
            await until(lambda: remote_of(front).waiting == 0, "the queue is empty")


async def test_new_requests_wait_for_a_scheduler_and_not_beyond_their_deadline() -> None:
    with short_folder() as folder:
        path = folder / "s"
        process = SchedulerProcess(path, 1)
        async with front_at(path) as front:
            watch = asyncio.create_task(front.dispatcher.watch_deadlines())
            remote_of(front).set_worker(spec("w"))
            now = asyncio.get_running_loop().time()
            async with front.dispatcher.slot(job("1", deadline=now + 0.2)) as slot:
                async with asyncio.timeout(5):
                    with pytest.raises(Rejected, match="queue_timeout"):
                        await slot.wait()
            async with front.dispatcher.slot(job("2", arrival=now)) as slot:
                assert front.dispatcher.away()
                await process.start()
                async with asyncio.timeout(5):
                    assert (await slot.wait()).worker_id == "w"
            watch.cancel()
            assert await process.kill(signal.SIGTERM) == 0


async def test_a_scheduler_on_its_own_is_a_subcommand() -> None:
    with short_folder() as folder:
        process = SchedulerProcess(folder / "s", 0, command=("gateway.cli", "scheduler"))
        await process.start()
        try:
            async with front_at(folder / "s") as front:
                remote_of(front).set_worker(spec("w"))
                now = asyncio.get_running_loop().time()
                async with front.dispatcher.slot(job("1", arrival=now)) as slot:
                    async with asyncio.timeout(10):
                        assert (await slot.wait()).worker_id == "w"
            assert await process.kill(signal.SIGTERM) == 0
        finally:
            await process.kill()


def second_one(path: Path) -> subprocess.CompletedProcess[str]:
    """Another scheduler's process at a path."""
    command = [sys.executable, "-m", "gateway.remote_scheduler", "--listen", f"unix:{path}"]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=30)


async def test_two_schedulers_never_have_one_socket() -> None:
    with short_folder() as folder:
        path = folder / "deeper" / "s"
        async with scheduler_process(path, 0):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            second = await asyncio.to_thread(second_one, path)
            assert second.returncode == 1
            assert "has a scheduler already" in second.stderr
            async with front_at(path) as front:
                await there(front)  # the first one is there as before
        path.parent.chmod(0o755)
        second = await asyncio.to_thread(second_one, path)
        assert second.returncode == 1
        assert "chmod 700" in second.stderr
