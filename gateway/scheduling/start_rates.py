"""StartRates: the work that leaves each model's queue in a second, for expected starts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from gateway.scheduling.request_costs import RequestCosts
from scheduler.fairness import cost
from scheduler.job import Job

RECENT = 256
"""Latest starts of a model that give its rate."""

LEAST = 3
"""Starts from which on there is a rate."""

DOUBT = 16.0
"""Answers, as long as forecast, that are taken to have come before the recent ones."""


class StartRates:
    """Measures what starts while others wait: without a queue the rate is that of the arrivals.

    Work is counted in weighted tokens, as ``scheduler.fairness.cost`` counts them, and in those
    that each request costs beside its own (``RequestCosts``).
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self.costs = RequestCosts()
        self._starts: dict[str, deque[tuple[float, float, int]]] = {}
        """When a job started, its weighted tokens and its sequences; none where nobody left."""
        self._free: dict[str, int] = {}
        """Places at the workers that jobs have left while others waited, by model."""
        self._ends: dict[str, deque[tuple[float, float]]] = {}
        """Expected and true tokens of a sequence, of each model's recent complete answers."""

    def started(self, job: Job, waiting: int) -> None:
        """Count a job that has gone to a worker, while so many jobs of all models wait.

        A job that takes a place which nobody left, as after a pause, is no work that has drained.
        """
        self.costs.started(job, self._clock())
        if not waiting:
            self._starts.clear()
            self._free.clear()
            return
        free = self._free.get(job.model, 0)
        self._free[job.model] = max(0, free - 1)
        starts = self._starts.get(job.model)
        if starts is None:
            starts = self._starts[job.model] = deque(maxlen=RECENT)
        tokens = cost(job, job.expected_tokens)
        starts.append((self._clock(), *((tokens, job.sequences) if free else (0.0, 0))))

    def left(self, job: Job, waiting: int) -> None:
        """Count a job that has left its worker, while so many wait that may take its place."""
        if waiting:
            self._free[job.model] = self._free.get(job.model, 0) + 1

    def ended(self, job: Job, tokens: int | None) -> None:
        """Count a job that has left its worker: with a complete answer whose longest sequence had
        so many tokens, or None without one."""
        self.costs.ended(job, tokens, self._clock())
        if not tokens:
            return
        ends = self._ends.get(job.model)
        if ends is None:
            ends = self._ends[job.model] = deque(maxlen=RECENT)
        ends.append((job.length.mean, float(tokens)))

    def stretch(self, model: str) -> float:
        """How much longer a model's recent answers were than forecast, 1.0 for as long."""
        ends = self._ends.get(model)
        if not ends:
            return 1.0
        expected, true = sum(one for one, _ in ends), sum(one for _, one in ends)
        doubt = DOUBT * expected / len(ends)
        return (true + doubt) / (expected + doubt)

    def per_s(self, model: str) -> float | None:
        """Weighted tokens of a model that start in a second; None before it is known."""
        measured = self._measured(model, 0.0)
        return None if measured is None else measured[0] / measured[1]

    def measured(self, model: str) -> tuple[float, float] | None:
        """Work of a model that started lately, and in how many seconds; None before it is known.

        Work has what each request costs beside its own tokens. The present pause counts once it is
        longer than those before it.
        """
        return self._measured(model, self.costs.tokens(model))

    def _measured(self, model: str, each: float) -> tuple[float, float] | None:
        starts = list(self._starts.get(model, ()))
        if len(starts) < LEAST:
            return None
        first, last = starts[0][0], starts[-1][0]
        usual_s = (last - first) / (len(starts) - 1)
        seconds = last - first + max(0.0, self._clock() - last - usual_s)
        return sum(tokens + each * many for _, tokens, many in starts[1:]), max(seconds, 1e-3)
