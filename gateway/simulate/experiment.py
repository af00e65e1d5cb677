"""Experiment: all runs of one command, one run for each arm, load and seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from gateway.simulate.arrival_process import ArrivalProcess
from gateway.simulate.engine_setup import EngineSetup
from gateway.simulate.inputs.source import RequestSource
from gateway.simulate.study import ReportRow, Study
from scheduler.sim.arms import Arm
from scheduler.sim.request import Request
from scheduler.sim.simulator import Outcome

Observer = Callable[[ReportRow, Outcome], None]
"""Called with each run, before the records of the run are dropped."""

OWN_LOAD = "own"
"""``asked_load`` of a run at the load of the trace as recorded."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """Arms x loads x seeds; a load of None is the load of the trace as recorded.

    ``streamed`` is the share of the answers that are streamed.
    """

    source: RequestSource
    setup: EngineSetup
    arrivals: ArrivalProcess
    arms: Sequence[Arm]
    loads: Sequence[float | None]
    seeds: range
    count: int
    streamed: float = 1.0

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(self.arms) * len(self.loads) * len(self.seeds)

    def draw(self, seed: int) -> list[Request]:
        """The requests of a seed."""
        drawn = self.source.draw(self.count, seed, in_order=self.arrivals.own)
        rng = Random(seed)
        return [replace(request, streamed=rng.random() < self.streamed) for request in drawn]

    def rows(self, observe: Observer = lambda row, outcome: None) -> Iterator[ReportRow]:
        """The report rows of all runs; the arms of a seed share requests and arrivals.

        Raises:
            ValueError: no request fits the engines.
        """
        for seed in self.seeds:
            study = Study(self.setup, self.draw, self.arrivals, self.source.forecaster)
            for requested in self.loads:
                load = study.load(requested, seed)
                for arm in self.arms:
                    row, outcome = study.run(arm, load, seed)
                    row["asked_load"] = load_name(requested)
                    observe(row, outcome)
                    yield row


def load_name(load: float | None) -> str:
    """The text of a requested load in the column ``asked_load``."""
    return OWN_LOAD if load is None else f"{load:g}"
