"""One scheduler at scale: python -m tests.bench.scale [--workers N ...] [--requests N ...]

The very `Scheduler` of the gateway, with the default policy, before workers of 64 slots and a KV
cache that holds about as many requests of this load; requests beyond wait. Calls come as a gateway
makes them: an arrival (``submit``), a running answer that has grown by 16 tokens (``progress``),
and an end (``release``), which dispatches what follows.

CPU time of the thread for each call, median and p99, in microseconds: the machine's other programs
do not count, its caches do. Memory is what the process has grown by. `decisions/s` are calls a
second of CPU, of a mix of one submit, one release and 16 reports of progress.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import thread_time_ns

import numpy as np

from scheduler.actions import Action, Dispatch
from scheduler.job import REPORT_TOKENS, Job
from scheduler.length import LengthDistribution
from scheduler.policy import POLICIES
from scheduler.scheduler import Scheduler
from scheduler.worker_spec import WorkerSpec
from tests.bench.processes import memory_mb

SLOTS, KV_TOKENS = 64, 40_000
WORKERS, REQUESTS = (10, 100, 1000), (1000, 10_000, 100_000)
ATOMS, LENGTHS = 20, 4096
REPORTS = 16
"""Reports of progress in the life of a request of this load."""
MOST_TRIED = 100
"""Waiting requests from which on no worker has room for one more."""

HEAD = (
    "| workers | requests | running | waiting | submit | progress | release "
    "| decisions/s | memory |"
)


@dataclass(frozen=True, slots=True)
class Spent:
    """Microseconds of CPU of each call of a kind."""

    us: Sequence[float]

    @property
    def mean(self) -> float:
        """The mean."""
        return float(np.mean(self.us))

    def __str__(self) -> str:
        return f"{np.median(self.us):.0f} ({np.percentile(self.us, 99):.0f})"


def timed(call: Callable[[], None], calls: int) -> Spent:
    """The cost of each of so many calls."""
    spent = []
    for _ in range(calls):
        begin = thread_time_ns()
        call()
        spent.append((thread_time_ns() - begin) / 1e3)
    return Spent(spent)


class Pool:
    """A scheduler with its workers, and the requests that it holds."""

    def __init__(self, workers: int, seed: int = 0) -> None:
        self.rng = random.Random(seed)
        self.lengths = [self._length() for _ in range(LENGTHS)]
        self.scheduler = Scheduler(POLICIES["sejf"](0.03, 0.85), max_waiting=10**7)
        self.made = 0
        self.running: deque[Job] = deque()
        for number in range(workers):
            spec = WorkerSpec(f"w{number}", frozenset({"m"}), SLOTS, KV_TOKENS)
            self.scheduler.set_worker(spec)

    def _length(self) -> LengthDistribution:
        """A log-normal forecast, like the predictor's."""
        rng, centre = self.rng, self.rng.lognormvariate(5.3, 0.9)
        atoms = [max(1, round(centre * rng.lognormvariate(0, 0.5))) for _ in range(ATOMS)]
        return LengthDistribution.weighted(atoms, [1.0] * ATOMS)

    def fill(self, requests: int) -> None:
        """Submit requests until so many run or wait; those that wait come while it is paused."""
        while self.held < requests:
            self.submit()
            if self.scheduler.waiting > MOST_TRIED and not self.scheduler.paused:
                self._note(self.scheduler.pause())
        self._note(self.scheduler.pause(False))

    @property
    def held(self) -> int:
        """Requests that run or wait."""
        return len(self.running) + self.scheduler.waiting

    def submit(self) -> None:
        """A request arrives."""
        self.made += 1
        length, prompt = self.rng.choice(self.lengths), self.rng.randint(20, 600)
        job = Job(f"j{self.made}", "m", self.made / 1000, prompt, length)
        self._note(self.scheduler.submit(job))

    def progress(self) -> None:
        """A running answer grows."""
        job = self.running[0]
        self.running.rotate(-1)
        self._note(self.scheduler.progress(job.id, job.attained + REPORT_TOKENS))

    def release(self) -> None:
        """The answer that has run longest ends."""
        job = self.running.popleft()
        self._note(self.scheduler.release(job.id, max(1, job.attained), service_s=10.0))

    def _note(self, actions: Sequence[Action]) -> None:
        self.running.extend(one.job for one in actions if isinstance(one, Dispatch))


def row(workers: int, requests: int, calls: int) -> str:
    """The line of the table."""
    gc.collect()
    before = memory_mb(os.getpid())
    pool = Pool(workers)
    pool.fill(requests)
    grown = memory_mb(os.getpid()) - before
    kinds = pool.progress, pool.release, pool.submit
    for call in kinds:
        timed(call, calls // 10)
    progress, release, submit = (timed(call, calls) for call in kinds)
    pool.scheduler.check()
    each = (submit.mean + release.mean + REPORTS * progress.mean) / (2 + REPORTS)
    waiting = pool.scheduler.waiting
    texts = workers, requests, len(pool.running), waiting, submit, progress, release
    return "| " + " | ".join(map(str, texts)) + f" | {1e6 / each:.0f} | {grown:.0f} MB |"


def main(words: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="one scheduler at scale")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--requests", type=int, nargs="+", default=REQUESTS)
    parser.add_argument("--calls", type=int, default=1000)
    args = parser.parse_args(words)
    gc.disable()  # as the gateway's process, whose requests leave nothing to it
    print(HEAD + "\n" + "|---" * 9 + "|", flush=True)
    for workers in args.workers:
        for requests in args.requests:
            print(row(workers, requests, args.calls), flush=True)
    print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
