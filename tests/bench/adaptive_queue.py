"""A queue in virtual time: the gateway's scheduler before a model of vLLM, forecasts that learn.

What the simulator of the scheduler will do at large, for one worker: requests arrive, are forecast
and wait in ``Scheduler``; the engine steps; what ends is learned in the order of completion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.adaptive import AdaptiveLayer, Forecast
from scheduler.actions import Action, Dispatch
from scheduler.job import Job
from scheduler.policy import Policy
from scheduler.scheduler import Scheduler
from scheduler.sim.engine import Engine
from scheduler.sim.engine_config import EngineConfig
from scheduler.worker_spec import WorkerSpec
from tests.bench.adaptive_data import Said, World
from tests.bench.adaptive_replay import Floats, Request, prompt_of

SLOTS = 16
_WORKER = "w"
_CONFIG = EngineConfig(max_num_seqs=SLOTS, num_blocks=12_000, max_model_len=24_000)
_PROMPT_CHARS = 4


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests and the seconds at which they arrive."""

    requests: list[Request]
    arrivals: Floats


class Queue:
    """One worker behind the scheduler; ``run`` gives each request's seconds from end to end."""

    def __init__(
        self, world: World, said: Said, policy: Policy, adaptive: AdaptiveLayer | None
    ) -> None:
        self._world, self._said, self._adaptive = world, said, adaptive
        self._scheduler = Scheduler(policy, max_waiting=10**6)
        self._scheduler.set_worker(WorkerSpec(_WORKER, frozenset(world.models), SLOTS))
        self._engine = Engine(_CONFIG)
        self._forecasts: dict[str, Forecast] = {}
        self._requests: list[Request] = []
        self._sent: dict[str, float] = {}
        self._now = 0.0

    def run(self, trace: Trace) -> Floats:
        """Latencies (seconds) of the requests of ``trace``, in their order."""
        now, at = 0.0, 0
        self._requests = trace.requests
        arrivals = trace.arrivals.tolist()
        ended = np.zeros(len(arrivals))
        while at < len(arrivals) or self._sent:
            if not self._sent:
                now = max(now, arrivals[at])
            self._now = now
            while at < len(arrivals) and arrivals[at] <= now:
                self._arrive(at, arrivals[at])
                at += 1
            step = self._engine.step()
            now += step.duration
            self._now = now
            for name in step.finished:
                ended[int(name)] = now
                self._finish(name, now - self._sent.pop(name))
        return np.asarray(ended - trace.arrivals)

    def _arrive(self, at: int, arrival: float) -> None:
        one = self._requests[at]
        raw_forecast = self._said.of(one.named, one.prompt)
        if self._adaptive is None:
            length = raw_forecast.distributions([None])[0]
        else:
            forecast = self._adaptive.adapt([prompt_of(self._world, one)], raw_forecast)[0]
            self._forecasts[str(at)] = forecast
            length = forecast.length
        job = Job(str(at), self._world.models[one.named], arrival, self._tokens(one), length)
        self._carry_out(self._scheduler.submit(job))

    def _tokens(self, one: Request) -> int:
        return 1 + len(self._world.texts[one.prompt]) // _PROMPT_CHARS

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            assert isinstance(action, Dispatch)
            one = self._requests[int(action.job.id)]
            self._sent[action.job.id] = self._now
            self._engine.add(action.job.id, self._tokens(one), one.tokens)

    def _finish(self, name: str, served: float) -> None:
        if self._adaptive is not None:
            one = self._requests[int(name)]
            self._adaptive.learn(self._forecasts.pop(name), one.tokens, censored=one.cut)
        self._carry_out(self._scheduler.release(name, service_s=served))


def capacity(world: World, said: Said, requests: list[Request], policy: Policy) -> float:
    """Requests per second that the engine ends when all are there at once (load 1).

    Until nine of ten have ended: the last ones leave it half empty.
    """
    queue = Queue(world, said, policy, None)
    latencies = queue.run(Trace(requests, np.zeros(len(requests))))
    return 0.9 * len(requests) / float(np.quantile(latencies, 0.9))


def poisson(requests: list[Request], rates: Sequence[float], rng: np.random.Generator) -> Trace:
    """Arrivals at random, each request at the rate (a second) that stands beside it."""
    return Trace(requests, np.cumsum(rng.exponential(1.0, size=len(requests)) / np.array(rates)))
