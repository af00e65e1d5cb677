"""The simulator: requests, arrivals and an arm in front of engines, in virtual time.

The scheduler is the class that runs in production, and gets the same calls at the same times as
from the gateway.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from scheduler.actions import Action, Dispatch
from scheduler.engine_priority import priority
from scheduler.kv_report import KvReport
from scheduler.records import RequestRecord
from scheduler.scheduler import Scheduler
from scheduler.sim.arms import ORACLE, Arm, Server
from scheduler.sim.engine import Engine
from scheduler.sim.forecasts import FixedForecasts, Forecaster
from scheduler.sim.request import Request
from scheduler.sim.step import StepEvents


@dataclass(slots=True)
class Outcome:
    """The result of a simulation.

    Args:
        records: one for each request, in the order of the requests.
        dropped: requests that fit no cache or context and were not sent; their records have no
            times.
        rejected: requests that the scheduler rejected; their records have no times.
        preemptions: preemptions in all engines.
        preempted: preemptions of each request, by its index; without those that had none.
        generated: output tokens.
        generated_early: output tokens until the last arrival.
        steps: engine steps.
        max_wait: the longest time from arrival to a request's first step, in seconds.
        duration: seconds from 0 to the end of the last request.
        busy: seconds that the engines spent in steps, added up.
    """

    records: list[RequestRecord]
    dropped: int = 0
    rejected: int = 0
    preemptions: int = 0
    preempted: Counter[int] = field(default_factory=Counter)
    generated: int = 0
    generated_early: int = 0
    steps: int = 0
    max_wait: float = 0.0
    duration: float = 0.0
    busy: float = 0.0

    @property
    def ended(self) -> list[RequestRecord]:
        """The records of the requests that finished."""
        return [record for record in self.records if record.finished is not None]


def simulate(
    requests: Sequence[Request],
    arrivals: Sequence[float],
    servers: Sequence[Server],
    arm: Arm,
    forecaster: Forecaster | None = None,
) -> Outcome:
    """Run ``requests``, which arrive at ``arrivals`` (seconds, ascending), until all have ended.

    ``forecaster`` forecasts at arrival and learns at the ends; None stands for the requests' own
    forecasts. The oracle and ``stock`` ask for none.

    A request too large for any one of the servers is dropped: neither vLLM nor the gateway would
    know which server has room for it.
    """
    if forecaster is None or arm.policy == ORACLE:
        forecaster = FixedForecasts()
    engines = [arm.server(server) for server in servers]
    return _Simulation(requests, arrivals, engines, arm, forecaster).run()


class _Simulation:
    def __init__(
        self,
        requests: Sequence[Request],
        arrivals: Sequence[float],
        servers: list[Server],
        arm: Arm,
        forecaster: Forecaster,
    ) -> None:
        self._requests = requests
        self._servers = servers
        self._arm = arm
        self._forecaster = forecaster
        self._scheduler = arm.scheduler(servers, frozenset(r.model for r in requests))
        every = arm.report_every if self._scheduler is not None else 0
        self._engines = [Engine(s.config, s.costs, report_every=every) for s in servers]
        # The step in progress of each engine. A step's events take effect when the step ends.
        self._steps: list[StepEvents | None] = [None] * len(servers)
        self._ends: list[tuple[float, int]] = []
        # Requests on their way to an engine: time of arrival there, request, engine, priority.
        self._sent: deque[tuple[float, int, int, int]] = deque()
        self._idle = set(range(len(servers)))
        self._next_engine = 0
        self._now = 0.0
        self._report_due = math.inf if self._scheduler is None else arm.kv_report_s
        self._arrivals = arrivals
        self._records = [
            RequestRecord(arrival, prompt_tokens=r.prompt_tokens, output_tokens=r.output_tokens)
            for arrival, r in zip(arrivals, requests, strict=True)
        ]
        self.outcome = Outcome(self._records)

    def run(self) -> Outcome:
        arrivals, ends, sent = self._arrivals, self._ends, self._sent
        index, count = 0, len(arrivals)
        while index < count or sent or ends:
            arrival = arrivals[index] if index < count else math.inf
            others = min(sent[0][0] if sent else math.inf, ends[0][0] if ends else math.inf)
            if self._report_due <= min(arrival, others):
                self._now = self._report_due
                self._report()
            elif arrival <= others:
                self._now = arrival
                self._arrive(index)
                index += 1
                if index == count:
                    self.outcome.generated_early = self._generated
                elif arrivals[index] == arrival:
                    continue  # requests that arrive together reach the engines together
            elif sent and (not ends or sent[0][0] <= ends[0][0]):
                self._now, *receipt = sent.popleft()
                self._receive(*receipt)
            else:
                self._now, engine = heappop(ends)
                self._idle.add(engine)
                self._deliver(engine)
            if self._idle:
                self._start()
        return self._summed()

    def _arrive(self, index: int) -> None:
        request = self._requests[index]
        if not all(_fits(server, request) for server in self._servers):
            self.outcome.dropped += 1
            return
        if self._scheduler is None:
            self._send(index, self._next_engine, 0.0)
            self._next_engine = (self._next_engine + 1) % len(self._engines)
            return
        self._submit(self._scheduler, str(index), request)

    def _submit(self, scheduler: Scheduler, name: str, request: Request) -> None:
        """Submit a request with its forecast; a request that waits gets a better forecast."""
        room = self._servers[0].config.max_model_len - request.prompt_tokens
        length = self._forecaster.forecast(name, request).capped(room)
        actions = scheduler.submit(self._arm.job(name, request, self._now, length))
        self._carry_out(actions)
        if any(action.job.id == name for action in actions):
            return
        if (better := self._forecaster.refine(name)) is not None:
            self._carry_out(scheduler.reprice(name, better.capped(room)))

    def _carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Dispatch):
                self._send(int(action.job.id), int(action.worker_id), action.key)
            else:
                self.outcome.rejected += 1

    def _send(self, index: int, engine: int, key: float) -> None:
        self._records[index].dispatched = self._now
        engine_priority = priority(0, key) if self._arm.priority else 0
        if self._arm.latency:
            self._sent.append((self._now + self._arm.latency, index, engine, engine_priority))
        else:
            self._receive(index, engine, engine_priority)

    def _receive(self, index: int, engine: int, engine_priority: int) -> None:
        request = self._requests[index]
        sizes = request.prompt_tokens, request.output_tokens
        self._engines[engine].add(str(index), *sizes, engine_priority)

    def _start(self) -> None:
        """Begin a step of each idle engine with work."""
        for number in sorted(self._idle):
            engine = self._engines[number]
            if engine.running or engine.waiting:
                step = engine.advance()
                self._steps[number] = step
                self._idle.discard(number)
                self.outcome.steps += 1
                self.outcome.busy += step.duration
                for name in step.entered:
                    waited = self._now - self._records[int(name)].arrival
                    self.outcome.max_wait = max(self.outcome.max_wait, waited)
                heappush(self._ends, (self._now + step.duration, number))

    def _deliver(self, engine: int) -> None:
        """End an engine's step: record tokens, release finished requests, dispatch others."""
        step = self._steps[engine]
        assert step is not None
        records, now, scheduler = self._records, self._now, self._scheduler
        for name in step.started:
            records[int(name)].first_token = now
        for name in step.finished:
            record = records[int(name)]
            record.last_token = record.finished = now
        self.outcome.preempted.update(map(int, step.preempted))
        if scheduler is None:
            return
        self._carry_out(scheduler.tick(now))
        for name in step.finished:
            record, request = records[int(name)], self._requests[int(name)]
            service_s = now - (record.dispatched or now)
            self._carry_out(scheduler.release(name, request.output_tokens, service_s=service_s))
            self._forecaster.learn(name, request.output_tokens, censored=request.cut)
        for name, generated in step.reached:
            if self._requests[int(name)].streamed:
                self._carry_out(scheduler.progress(name, generated))

    def _report(self) -> None:
        """Tell the scheduler the KV use of every engine, as the gateway reads it."""
        assert self._scheduler is not None
        self._report_due += self._arm.kv_report_s
        for number, (engine, server) in enumerate(zip(self._engines, self._servers, strict=True)):
            report = KvReport(engine.kv_usage * server.kv_tokens, settled=not engine.waiting)
            self._carry_out(self._scheduler.observe_kv(str(number), report))

    @property
    def _generated(self) -> int:
        return sum(engine.generated_tokens for engine in self._engines)

    def _summed(self) -> Outcome:
        outcome = self.outcome
        outcome.preemptions = sum(engine.preemptions for engine in self._engines)
        outcome.generated = self._generated
        outcome.duration = self._now
        return outcome


def _fits(server: Server, request: Request) -> bool:
    try:
        server.config.check_fits(request.prompt_tokens, request.output_tokens)
    except ValueError:
        return False
    return True
