"""A queue in virtual time: the scheduler and a model of vLLM, with forecasts that learn.

Requests of one worker arrive, are forecast and wait in ``Scheduler``; the engine steps; each answer
is learned when it ends.
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
from tests.bench.adaptive_data import AnswerPool, StaticForecasts
from tests.bench.adaptive_replay import Floats, Request, to_prompt

SLOTS = 16
_WORKER = "w"
_CONFIG = EngineConfig(max_num_seqs=SLOTS, num_blocks=12_000, max_model_len=24_000)
_PROMPT_CHARS = 4


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests and their arrivals in seconds."""

    requests: list[Request]
    arrivals: Floats


class Queue:
    """One worker behind the scheduler; ``run`` returns end-to-end latencies."""

    def __init__(
        self,
        pool: AnswerPool,
        static: StaticForecasts,
        policy: Policy,
        adaptive: AdaptiveLayer | None,
    ) -> None:
        self._pool, self._static, self._adaptive = pool, static, adaptive
        self._scheduler = Scheduler(policy, max_waiting=10**6)
        self._scheduler.set_worker(WorkerSpec(_WORKER, frozenset(pool.models), SLOTS))
        self._engine = Engine(_CONFIG)
        self._forecasts: dict[str, Forecast] = {}
        self._requests: list[Request] = []
        self._sent: dict[str, float] = {}
        self._now = 0.0

    def run(self, trace: Trace) -> Floats:
        """End-to-end latencies in seconds of the trace's requests, in order."""
        now, index = 0.0, 0
        self._requests = trace.requests
        arrivals = trace.arrivals.tolist()
        ended = np.zeros(len(arrivals))
        while index < len(arrivals) or self._sent:
            if not self._sent:
                now = max(now, arrivals[index])
            self._now = now
            while index < len(arrivals) and arrivals[index] <= now:
                self._arrive(index, arrivals[index])
                index += 1
            step = self._engine.step()
            now += step.duration
            self._now = now
            for job_id in step.finished:
                ended[int(job_id)] = now
                self._finish(job_id, now - self._sent.pop(job_id))
        return np.asarray(ended - trace.arrivals)

    def _arrive(self, index: int, arrival: float) -> None:
        request = self._requests[index]
        raw_forecast = self._static.one(request.named, request.prompt)
        if self._adaptive is None:
            length = raw_forecast.distributions([None])[0]
        else:
            forecast = self._adaptive.adapt([to_prompt(self._pool, request)], raw_forecast)[0]
            self._forecasts[str(index)] = forecast
            length = forecast.length
        model = self._pool.models[request.named]
        job = Job(str(index), model, arrival, self._prompt_tokens(request), length)
        self._carry_out(self._scheduler.submit(job))

    def _prompt_tokens(self, request: Request) -> int:
        return 1 + len(self._pool.texts[request.prompt]) // _PROMPT_CHARS

    def _carry_out(self, actions: list[Action]) -> None:
        for action in actions:
            assert isinstance(action, Dispatch)
            request = self._requests[int(action.job.id)]
            self._sent[action.job.id] = self._now
            self._engine.add(action.job.id, self._prompt_tokens(request), request.tokens)

    def _finish(self, job_id: str, service_s: float) -> None:
        if self._adaptive is not None:
            request = self._requests[int(job_id)]
            self._adaptive.learn(self._forecasts.pop(job_id), request.tokens, censored=request.cut)
        self._carry_out(self._scheduler.release(job_id, service_s=service_s))


def capacity(
    pool: AnswerPool, static: StaticForecasts, requests: list[Request], policy: Policy
) -> float:
    """Requests per second at load 1: all requests are present at once.

    Counted until nine of ten have ended, because the last ones leave the engine half empty.
    """
    queue = Queue(pool, static, policy, None)
    latencies = queue.run(Trace(requests, np.zeros(len(requests))))
    return 0.9 * len(requests) / float(np.quantile(latencies, 0.9))


def poisson(requests: list[Request], rates: Sequence[float], rng: np.random.Generator) -> Trace:
    """Poisson arrivals; each request has its own rate in requests per second."""
    return Trace(requests, np.cumsum(rng.exponential(1.0, size=len(requests)) / np.array(rates)))
