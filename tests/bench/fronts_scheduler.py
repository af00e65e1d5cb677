"""CPU of the scheduler's process for a request, with thousands waiting, by the rate of requests.

    python -m tests.bench.fronts_scheduler [--waiting 10000] [--fronts 2] [--seconds 10]

Each front is a process. Every running answer reports its progress each block of 16 tokens, as the
gateway does: 13 times in 200 tokens. A request that ends is replaced, so that as many wait as
before. The workers are full all the time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from gateway.config.settings import Config
from gateway.remote_scheduler.address import SchedulerAddress
from gateway.remote_scheduler.scheduling import Scheduling, scheduling
from scheduler.job import REPORT_TOKENS, Job
from scheduler.length import LengthDistribution
from scheduler.worker_spec import WorkerSpec

SLOTS, STEP_S, ATOMS = 100, 0.03, 20
"""Of a worker: its sequences, and the seconds of a token of each."""

TOKENS = 200
"""Of an answer on average."""


def length(rng: random.Random) -> LengthDistribution:
    """A log-normal forecast, like the predictor's."""
    centre = TOKENS * rng.lognormvariate(-0.2, 0.6)
    atoms = [max(1, round(centre * rng.lognormvariate(0, 0.5))) for _ in range(ATOMS)]
    return LengthDistribution.weighted(atoms, [1.0] * ATOMS)


async def request(front: Scheduling, name: str, rng: random.Random, ended: list[int]) -> None:
    """One request, from its queue to its last token."""
    loop, forecast = asyncio.get_running_loop(), length(rng)
    tokens = round(rng.choice(forecast.tokens))
    job = Job(name, "m", loop.time(), rng.randint(20, 600), forecast)
    async with front.dispatcher.slot(job) as slot:
        await slot.wait()
        begun = loop.time()
        for done in range(REPORT_TOKENS, tokens, REPORT_TOKENS):
            await asyncio.sleep(max(0.0, begun + done * STEP_S - loop.time()))
            slot.progress(done)
        slot.attained, slot.service_s = tokens, tokens * STEP_S
    ended[0] += 1


async def drive(path: Path, number: int, waiting: int, workers: int, pipe: Any) -> None:
    """One front: keeps its part of the queue full until told to end."""
    config = Config.model_validate({"queue": {"max_waiting": 1_000_000}})
    front = scheduling(config, SchedulerAddress(path=path, front=f"front-{number}"))
    rng, ended, made = random.Random(number), [0], 0
    tasks: set[asyncio.Task[None]] = set()
    async with front.running():
        while front.dispatcher.away():  # noqa: ASYNC110 - a bench may poll
            await asyncio.sleep(0.05)
        for one in range(workers):
            spec = WorkerSpec(f"w{one}", frozenset({"m"}), SLOTS, 80_000)
            front.dispatcher.scheduler.set_worker(spec)
        while not pipe.poll():
            while len(tasks) < waiting + workers * SLOTS // 2:
                made += 1
                work = request(front, f"{number}.{made}", rng, ended)
                tasks.add(task := asyncio.ensure_future(work))
                task.add_done_callback(tasks.discard)
                if made % 50 == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(0.02)
            pipe.send(ended[0])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def run_front(path: Path, number: int, waiting: int, workers: int, pipe: Any) -> None:
    """A front's process."""
    uvloop.run(drive(path, number, waiting, workers, pipe))


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


async def measured(waiting: int, fronts: int, workers: int, seconds: float) -> dict[str, float]:
    """The CPU of the scheduler's process under one load."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="lw-") as folder:
        path = Path(folder) / "s"
        command = ["-m", "gateway.remote_scheduler", "--listen", f"unix:{path}"]
        process = await asyncio.create_subprocess_exec(sys.executable, *command)
        pipes, children = [], []
        for number in range(fronts):
            here, there = context.Pipe()
            arguments = (path, number, waiting // fronts, workers, there)
            child = context.Process(target=run_front, args=arguments)
            child.start()
            pipes.append(here)
            children.append(child)
        ended = [0] * fronts

        async def watch(until: float) -> None:
            while time.monotonic() < until:
                await asyncio.sleep(0.05)
                for number, pipe in enumerate(pipes):
                    while pipe.poll():
                        ended[number] = pipe.recv()

        while sum(ended) < workers * SLOTS:  # the queue is full, and the first answers have ended
            await watch(time.monotonic() + 0.5)
        before, count, begun = cpu_s(process.pid), sum(ended), time.monotonic()
        fronts_before = sum(cpu_s(child.pid or 0) for child in children)
        await watch(begun + seconds)
        took, requests = cpu_s(process.pid) - before, sum(ended) - count
        fronts_took = sum(cpu_s(child.pid or 0) for child in children) - fronts_before
        for pipe in pipes:
            pipe.send("end")
        for child in children:
            child.join(20)
        process.terminate()
        await process.wait()
    passed = time.monotonic() - begun
    return {
        "waiting": waiting,
        "fronts": fronts,
        "workers": workers,
        "requests_per_s": round(requests / seconds, 1),
        "scheduler_us": round(1e6 * took / requests, 1),
        "scheduler_cpu": round(took / seconds, 3),
        "fronts_us": round(1e6 * fronts_took / requests, 1),
        "passed_s": round(passed, 1),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line for each load."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--fronts", type=int, default=2)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args(argv)
    for workers in args.workers:
        figures = asyncio.run(measured(args.waiting, args.fronts, workers, args.seconds))
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
