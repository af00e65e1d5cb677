"""StartRates: the work that leaves each model's queue in a second, for expected starts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from gateway.scheduling.request_costs import RequestCosts
from gateway.scheduling.stretches import Stretches
from scheduler.fairness import cost
from scheduler.job import Job

RECENT = 256
"""Latest starts of a model that give its rate."""

LEAST = 3
"""Starts from which on there is a rate."""


@dataclass(slots=True)
class _Start:
    """A job that has gone to a worker. Without work where it took a place that nobody left."""

    at: float
    prompt: float = 0.0
    """Weighted tokens of the prompt."""
    expected: float = 0.0
    """Output tokens, as forecast and corrected at the start, or as they came."""
    forecast: float = 0.0
    """Output tokens as forecast."""
    sequences: int = 0


class StartRates:
    """Measures what starts while others wait: without a queue the rate is that of the arrivals.

    Work is counted in weighted tokens, as ``scheduler.fairness.cost`` counts them, with those that
    each request costs beside its own (``RequestCosts``), and as long as answers are rather than as
    they were forecast (``Stretches``).
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self.costs = RequestCosts()
        self.stretches = Stretches()
        self._starts: dict[str, deque[_Start]] = {}
        self._running: dict[str, _Start] = {}
        """Those of jobs that have not ended, by the jobs' ids."""
        self._free: dict[str, int] = {}
        """Places at the workers that jobs have left while others waited, by model."""

    def started(self, job: Job, waiting: int) -> None:
        """Count a job that has gone to a worker, while so many jobs of all models wait.

        A job that takes a place which nobody left, as after a pause, is no work that has drained.
        """
        now = self._clock()
        self.costs.started(job, now)
        if not waiting:
            self._starts.clear()
            self._running.clear()
            self._free.clear()
            return
        free = self._free.get(job.model, 0)
        self._free[job.model] = max(0, free - 1)
        starts = self._starts.get(job.model)
        if starts is None:
            starts = self._starts[job.model] = deque(maxlen=RECENT)
        start = _Start(now)
        if free:
            start.prompt, start.forecast = cost(job, 0.0), job.expected_tokens
            start.expected = start.forecast * self.stretches.stretch(job.model, job.length)
            start.sequences = job.sequences
            self._running[job.id] = start
        starts.append(start)

    def left(self, job: Job, waiting: int) -> None:
        """Count a job that has left its worker, while so many wait that may take its place."""
        if waiting:
            self._free[job.model] = self._free.get(job.model, 0) + 1

    def ended(self, job: Job, tokens: int | None) -> None:
        """Count a job that has left its worker: with a complete answer whose longest sequence had
        so many tokens, or None without one."""
        self.costs.ended(job, tokens, self._clock())
        start = self._running.pop(job.id, None)
        if not tokens:
            return
        self.stretches.observe(job, tokens)
        if start is not None:
            start.expected = float(tokens * job.sequences)

    def per_s(self, model: str) -> float | None:
        """Weighted tokens, as forecast, of a model that start in a second; None: unknown yet."""
        measured = self._measured(model, lambda start: start.prompt + start.forecast)
        return None if measured is None else measured[0] / measured[1]

    def measured(self, model: str) -> tuple[float, float] | None:
        """Work of a model that started lately, and in how many seconds; None before it is known.

        Work has what each request costs beside its own tokens, and tokens are those that came, or
        are to be expected by what came of others. The present pause counts once it is longer than
        those before it.
        """
        each = self.costs.tokens(model)
        return self._measured(model, lambda one: one.prompt + one.expected + each * one.sequences)

    def _measured(self, model: str, work: Callable[[_Start], float]) -> tuple[float, float] | None:
        starts = list(self._starts.get(model, ()))
        if len(starts) < LEAST:
            return None
        first, last = starts[0].at, starts[-1].at
        usual_s = (last - first) / (len(starts) - 1)
        seconds = last - first + max(0.0, self._clock() - last - usual_s)
        return sum(map(work, starts[1:])), max(seconds, 1e-3)
