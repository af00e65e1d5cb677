"""Whether `Retry-After` comes true, in virtual time: the real scheduler before a model of vLLM.

    python -m tests.bench.expected_starts [--waiting N ...] [--seeds N] [--check]

A burst of N requests fills the queue of a worker that has answered some before. At three moments
(just after the burst, once a third and two thirds of it have left) 50 *twins* of refused requests
join the queue. What a refused request is told then is compared with the time after which its twin,
the equal request that was taken, goes to the worker. Lengths are log-normal around their
forecasts (sigma 0.6), the forecasts' medians log-normal too (median 200 tokens, sigma 1.2).

A told time is right within a factor of 2 of the true one; below 1 s, the header's least value, all
true times are alike. Scenes: `burst`; `busy` and `very busy`, where each request that starts holds
its engine up for 0.1 and 0.4 s, as where gateway and engine share a core; `cold`, where the worker
has answered nothing before; `long`, where answers are half as long again as forecast; `fair`, three
keys of weights 1, 2 and 4; `fcfs`; `resumed`, where the queue was paused while the burst came, in
both orders; `two models`, a worker of 8 slots beside one of 64, whose short queue waits for the
first ends; `arrivals`, where more requests come at 0.7 of the rate at which they leave. ``--check``
fails where less than nine of ten are right in a scene, but for `two models` and `arrivals`. No
clock of the machine is in the figures.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import chain
from random import Random
from statistics import NormalDist

from gateway.config.settings import Config
from gateway.scheduling.build_scheduler import policy
from gateway.scheduling.expected_starts import ExpectedStarts
from gateway.scheduling.retry_after import QueueRetryAfter, start_seconds
from gateway.scheduling.start_rates import StartRates
from scheduler.actions import Action, Dispatch
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.policy import Policy, fcfs
from scheduler.scheduler import Scheduler
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine import Engine
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.step import StepEvents
from scheduler.worker_spec import WorkerSpec

_ARRIVAL = -1
APART_S = 0.001
TWINS, WARM, SIGMA, FACTOR, GOAL = 50, 100, 0.6, 2.0, 0.9
LEFT = (1.0, 0.67, 0.33)
_LEVELS = [NormalDist().inv_cdf((place + 0.5) / 20) for place in range(20)]
_SHAPE = [math.exp(SIGMA * level) for level in _LEVELS]


DEFAULT = policy(Config())


@dataclass(frozen=True, slots=True)
class Scene:
    """What differs between the rows of the table."""

    policy: Policy = DEFAULT
    slots: tuple[int, ...] = (16,)
    """Slots of each model's worker."""
    stretch: float = 1.0
    """Lengths of answers, as parts of those forecast."""
    shares: tuple[float, ...] = (1.0,)
    """Weights of the keys."""
    warm: int = WARM
    arrivals: float = 0.0
    paused: bool = False
    """Whether the queue is paused while the burst comes."""
    request_s: float = 0.0
    """Seconds that an engine's step with a new request takes longer, as where its HTTP server and
    the gateway have no core of their own."""
    judged: bool = True


SCENES = {
    "burst": Scene(),
    "cold": Scene(warm=0),
    "long": Scene(stretch=1.5),
    "fair": Scene(shares=(1.0, 2.0, 4.0)),
    "fcfs": Scene(policy=fcfs),
    "busy": Scene(paused=True, request_s=0.1),
    "very busy": Scene(paused=True, request_s=0.4),
    "resumed": Scene(paused=True),
    "resumed, fcfs": Scene(policy=fcfs, paused=True),
    "two models": Scene(slots=(8, 64), judged=False),
    "arrivals": Scene(arrivals=0.7, judged=False),
}


@dataclass(slots=True)
class Told:
    """One refused request."""

    said_s: int
    since: float
    moment: int
    true_s: float = -1.0

    @property
    def right(self) -> bool:
        """Whether it was told the truth within the factor."""
        true = max(1.0, self.true_s)
        return true / FACTOR <= self.said_s <= true * FACTOR


@dataclass
class Queue:
    """The gateway's queue and its workers, in virtual time."""

    scene: Scene
    rng: Random
    now: float = 0.0
    told: dict[str, Told] = field(default_factory=dict)
    _tokens: dict[str, int] = field(default_factory=dict)
    _jobs: dict[str, Job] = field(default_factory=dict)
    _sent: dict[str, float] = field(default_factory=dict)
    _events: list[tuple[float, int]] = field(default_factory=list)
    _ended: int = 0
    _per_s: float = 0.0
    _moment: int = -1

    def __post_init__(self) -> None:
        def clock() -> float:
            return self.now

        self.scheduler = Scheduler(self.scene.policy, max_waiting=10**6)
        self.rates = StartRates(clock)
        self.starts = ExpectedStarts(self.scheduler, self.rates, clock)
        self.ends = QueueRetryAfter()
        self.engines: list[Engine] = []
        self._steps: list[StepEvents | None] = [None] * len(self.scene.slots)
        for number, slots in enumerate(self.scene.slots):
            self.scheduler.set_worker(WorkerSpec(str(number), frozenset({f"m{number}"}), slots))
            config = EngineConfig(max_num_seqs=slots, num_blocks=10**6, max_model_len=10**5)
            costs = StepCosts(per_request=self.scene.request_s)
            self.engines.append(Engine(config, costs, report_every=16))

    def submit(self) -> Job:
        """One more request."""
        rng, number = self.rng, len(self._tokens)
        self.now += APART_S
        middle = min(2000.0, 200 * math.exp(rng.gauss(0, 1.2)))
        length = LengthDistribution.weighted([max(1.0, middle * one) for one in _SHAPE], [1.0] * 20)
        model, tenant = rng.randrange(len(self.scene.slots)), rng.randrange(len(self.scene.shares))
        job = Job(
            str(number), f"m{model}", self.now, round(20 * math.exp(abs(rng.gauss(0, 1.5)))), length
        )
        self._jobs[job.id] = job
        job.tenant, job.share = str(tenant), self.scene.shares[tenant]
        job.streams = number % 2 == 0
        tokens = self.scene.stretch * middle * math.exp(rng.gauss(0, SIGMA))
        self._tokens[job.id] = max(1, min(6000, round(tokens)))
        self.carry_out(self.scheduler.submit(job))
        return job

    def ask(self) -> None:
        """Let twins join the queue, and note what their equals are told once all are there."""
        self._moment += 1
        for job in [self.submit() for _ in range(TWINS)]:
            seconds = self.starts.seconds(replace(job, id="refused"))
            told = self.ends.seconds(self.now, self.scheduler.waiting)
            if seconds is not None:
                told = start_seconds(seconds)
            if job.id not in self._sent:  # else its equal would not have been refused
                self.told[job.id] = Told(told, self.now, self._moment)

    def run(self, least: float = -1.0, until: float = math.inf) -> None:
        """Let time go on until so few wait, until a time, or to the end of all."""
        while self.scheduler.waiting > least and self.now < until and self._runs:
            self._start()
            self.now, number = heappop(self._events)
            if number == _ARRIVAL:
                self.submit()
                self._come()
            else:
                self._deliver(number)

    @property
    def _runs(self) -> bool:
        return len(self._sent) > self._ended

    def come(self, per_s: float) -> None:
        """Let requests come at random times from now on."""
        self._per_s = per_s
        self._come()

    def _come(self) -> None:
        heappush(self._events, (self.now + self.rng.expovariate(self._per_s), _ARRIVAL))

    def _start(self) -> None:
        """Begin a step of each idle engine with work."""
        for number, engine in enumerate(self.engines):
            if self._steps[number] is None and (engine.running or engine.waiting):
                self._steps[number] = step = engine.advance()
                heappush(self._events, (self.now + step.duration, number))

    def _deliver(self, number: int) -> None:
        """End an engine's step."""
        step, self._steps[number] = self._steps[number], None
        assert step is not None
        self.carry_out(self.scheduler.tick(self.now))
        for name in step.finished:
            self._ended += 1
            self.ends.observe_end(self.now)
            service_s = self.now - self._sent[name]
            tokens = self._tokens[name]
            self.rates.ended(self._jobs[name], tokens)
            self.rates.left(self._jobs[name], self.scheduler.waiting)
            self.carry_out(self.scheduler.release(name, tokens, service_s=service_s))
        for name, generated in step.reached:
            if int(name) % 2 == 0:
                self.carry_out(self.scheduler.progress(name, generated))

    def carry_out(self, actions: Iterable[Action]) -> None:
        """Send jobs to their engines."""
        for action in actions:
            assert isinstance(action, Dispatch)
            job = action.job
            self.rates.started(job, self.scheduler.waiting)
            self._sent[job.id] = self.now
            if told := self.told.get(job.id):
                told.true_s = self.now - told.since
            engine = self.engines[int(action.worker_id)]
            engine.add(job.id, job.prompt_tokens, self._tokens[job.id])


def run(scene: Scene, waiting: int, seed: int) -> list[Told]:
    """The refused requests of one burst."""
    queue = Queue(scene, Random(seed))
    for _ in range(scene.warm):
        queue.submit()
    queue.run()
    queue.now += 60.0
    begun = queue.now
    if scene.paused:
        queue.scheduler.pause()
    for _ in range(waiting):
        queue.submit()
    if scene.paused:
        queue.carry_out(queue.scheduler.pause(False))
    most = queue.scheduler.waiting
    for left in LEFT:
        queue.run(left * most)
        if scene.arrivals and left == LEFT[1]:
            queue.come(scene.arrivals * (1 - left) * most / (queue.now - begun))
        queue.ask()
    last = queue.now + max(1000.0, 10 * (queue.now - begun))
    queue.run(0, last)
    return [one for one in queue.told.values() if one.true_s >= 0]


def main(words: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="whether Retry-After comes true")
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--waiting", nargs="+", type=int, default=[300, 10_000])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(words)
    print(
        "| scene | wait | refused | right, by the three moments | too early, too late | "
        "true time: median, longest |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    missed = False
    for name in args.scenes:
        for waiting in args.waiting:
            told = [run(SCENES[name], waiting, seed) for seed in range(args.seeds)]
            print(f"| {name} | {waiting} | {row(told)} |", flush=True)
            missed |= SCENES[name].judged and share(list(chain(*told))) < GOAL
    return int(args.check and missed)


def share(told: Sequence[Told]) -> float:
    """The share that was told the truth."""
    return sum(one.right for one in told) / len(told)


def row(runs: Sequence[Sequence[Told]]) -> str:
    """The cells of a scene."""
    told = list(chain(*runs))
    by_moment = [[one for one in told if one.moment == moment] for moment in range(len(LEFT))]
    early = sum(one.said_s < one.true_s for one in told if not one.right)
    late = sum(one.said_s > one.true_s for one in told if not one.right)
    true = sorted(one.true_s for one in told)
    cells = (
        str(len(told)),
        f"{100 * share(told):.0f} % ({', '.join(f'{100 * share(one):.0f}' for one in by_moment)})",
        f"{early}, {late}",
        f"{true[len(true) // 2]:.0f} s, {true[-1]:.0f} s",
    )
    return " | ".join(cells)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
