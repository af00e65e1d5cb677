"""Study: runs one arm at one load and seed, and describes the run in one row of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.simulate.arrival_process import ArrivalProcess
from gateway.simulate.engine_setup import EngineSetup
from scheduler.sim.arms import Arm
from scheduler.sim.capacity import capacity
from scheduler.sim.forecasts import FixedForecasts, MakeForecaster
from scheduler.sim.measures import run_statistics
from scheduler.sim.request import Request
from scheduler.sim.simulator import Outcome, simulate

ReportRow = dict[str, Any]
"""One run in report.json: its settings, then its statistics."""


@dataclass(slots=True)
class Study:
    """Runs on one engine setup; ``draw`` gives the requests of a seed.

    Each run has a forecaster of its own, so no arm learns from another arm's answers. All arms of a
    seed share requests and arrivals. The rate of load 1 is found once per seed.
    """

    setup: EngineSetup
    draw: Callable[[int], Sequence[Request]]
    arrivals: ArrivalProcess = field(default_factory=ArrivalProcess)
    forecaster: MakeForecaster = FixedForecasts
    _requests: dict[int, Sequence[Request]] = field(default_factory=dict)
    _capacity: dict[int, float] = field(default_factory=dict)

    def capacity(self, seed: int) -> float:
        """Requests per second at load 1.

        Raises:
            ValueError: no request fits the engines.
        """
        if seed not in self._capacity:
            context = self.setup.max_model_len
            self._requests[seed] = [cut_at_context(drawn, context) for drawn in self.draw(seed)]
            self._capacity[seed] = capacity(self._requests[seed], self.setup.servers())
        return self._capacity[seed]

    def load(self, requested: float | None, seed: int) -> float:
        """The load ``requested``; None stands for the load of the trace as recorded."""
        if requested is not None:
            return requested
        capacity = self.capacity(seed)
        return self.arrivals.recorded_rate(len(self._requests[seed]), seed) / capacity

    def row(self, arm: Arm, load: float, seed: int) -> ReportRow:
        """The report row of one run."""
        return self.run(arm, load, seed)[0]

    def run(self, arm: Arm, load: float, seed: int) -> tuple[ReportRow, Outcome]:
        """One run: its report row, and the records of its requests."""
        rate = load * self.capacity(seed)
        requests = self._requests[seed]
        times = self.arrivals.draw(len(requests), rate, seed)
        outcome = simulate(requests, times, self.setup.servers(), arm, self.forecaster())
        return self._settings(arm, load, seed) | run_statistics(outcome), outcome

    def _settings(self, arm: Arm, load: float, seed: int) -> ReportRow:
        return {
            "policy": arm.policy,
            "ageing": arm.ageing if arm.ages else None,
            "level": arm.level if arm.levels else None,
            "kv_overflow": arm.overflow if arm.forecasts_kv else None,
            "load": load,
            "arrivals": self.arrivals.name,
            "kv_tokens": self.setup.kv_tokens,
            "max_num_seqs": self.setup.max_num_seqs,
            "workers": self.setup.workers,
            "seed": seed,
            "rate": load * self.capacity(seed),
        }


def cut_at_context(request: Request, context: int) -> Request:
    """The request with its answer cut where prompt and answer fill ``context`` tokens."""
    room = context - request.prompt_tokens
    if room < 1 or request.output_tokens <= room:
        return request
    return replace(request, output_tokens=room, length=request.length.capped(room), cut=True)


def mean(rows: Sequence[ReportRow], column: str) -> float:
    """The mean of a column; NaN if there are no rows."""
    values = [float(row[column]) for row in rows]
    return sum(values) / len(values) if values else math.nan
