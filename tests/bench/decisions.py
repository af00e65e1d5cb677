"""Time of a scheduling decision with 100,000 requests waiting: microseconds, median and p99.

    python -m tests.bench.decisions [--waiting 100000] [--workers 1] [--tenants 1]

Every worker is full, so each call that frees a place, or updates a forecast, also checks whether
the first job of the queue fits now. ``submit`` adds a job. ``cancel`` removes a job from the middle
of the queue. ``progress`` updates the forecast of a running job. ``dispatch`` ends a running job
and sends the jobs that follow.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from scheduler.actions import Dispatch
from scheduler.job import REPORT_TOKENS, Job
from scheduler.length import LengthDistribution
from scheduler.policy import sejf
from scheduler.scheduler import Scheduler
from scheduler.worker_spec import WorkerSpec

CALLS = 3_000
KV_TOKENS = 24_000
ATOMS = 20


class LoadedScheduler:
    """A scheduler with full workers and a long queue."""

    def __init__(self, waiting: int, workers: int, tenants: int) -> None:
        self.rng = random.Random(0)
        self.tenants = tenants
        self.made = 0
        self.running: dict[str, Job] = {}
        self.scheduler = Scheduler(sejf(0.03), max_waiting=10 * waiting)
        for n in range(workers):
            self.scheduler.set_worker(WorkerSpec(f"w{n}", frozenset({"m"}), 256, KV_TOKENS))
        while self.scheduler.waiting < waiting:
            self.submit(self.job())

    def job(self) -> Job:
        """A job with a log-normal forecast, like the predictor's."""
        rng, centre = self.rng, self.rng.lognormvariate(5.5, 0.9)
        atoms = [max(1, round(centre * rng.lognormvariate(0, 0.5))) for _ in range(ATOMS)]
        length = LengthDistribution.weighted(atoms, [1.0] * ATOMS)
        self.made += 1
        tenant = f"t{rng.randrange(self.tenants)}" if self.tenants > 1 else ""
        arrival, prompt = self.made / 100, rng.randint(20, 600)
        return Job(f"j{self.made}", "m", arrival, prompt, length, tenant=tenant)

    def submit(self, job: Job) -> None:
        """Add a job."""
        self._note(self.scheduler.submit(job))

    def cancel(self, job_id: str) -> None:
        """The client of a waiting job hangs up."""
        self._note(self.scheduler.release(job_id))

    def progress(self, job: Job) -> None:
        """A running job has generated one more block of tokens."""
        self._note(self.scheduler.progress(job.id, job.attained + REPORT_TOKENS))

    def dispatch(self, _: None) -> None:
        """The job that has run longest ends; others follow."""
        job_id = next(iter(self.running))
        self.running.pop(job_id)
        self._note(self.scheduler.release(job_id, 100))

    def _note(self, actions: Sequence[object]) -> None:
        for action in actions:
            if isinstance(action, Dispatch):
                self.running[action.job.id] = action.job


def microseconds(call: Callable[[Any], None], arguments: Sequence[Any]) -> str:
    """Median and p99 over the calls, as two columns."""
    spent = []
    for argument in arguments:
        start = perf_counter()
        call(argument)
        spent.append(1e6 * (perf_counter() - start))
    return f"{np.median(spent):9.1f} {np.percentile(spent, 99):9.1f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--tenants", type=int, default=1)
    args = parser.parse_args()
    if args.waiting < 2 * CALLS:  # the measured calls take CALLS jobs out of the queue
        parser.error(f"--waiting {args.waiting} is too few: give at least {2 * CALLS}")
    loaded = LoadedScheduler(args.waiting, args.workers, args.tenants)
    print(f"{loaded.scheduler.waiting} wait, {len(loaded.running)} run: microseconds per call")
    print("            median       p99")
    print("submit   ", microseconds(loaded.submit, [loaded.job() for _ in range(CALLS)]))
    waiting = [f"j{n}" for n in range(1, loaded.made + 1) if f"j{n}" not in loaded.running]
    print("cancel   ", microseconds(loaded.cancel, loaded.rng.sample(waiting, CALLS)))
    jobs = loaded.rng.choices([*loaded.running.values()], k=CALLS)
    print("progress ", microseconds(loaded.progress, jobs))
    print("dispatch ", microseconds(loaded.dispatch, [None] * CALLS))
    loaded.scheduler.check()


if __name__ == "__main__":
    main()
