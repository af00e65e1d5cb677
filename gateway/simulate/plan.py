"""Plan: the runs of one command, on one setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.simulate.source import Source
from gateway.simulate.study import Arrivals, Row, Setting, Study
from scheduler.sim.arms import Arm
from scheduler.sim.measures import figures
from scheduler.sim.request import Request
from scheduler.sim.simulator import Outcome

Watch = Callable[[Row, Outcome], None]
"""Is shown each run, before its records are forgotten."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Arms x loads x seeds; a load of None is that of the trace as it is."""

    source: Source
    setting: Setting
    arrivals: Arrivals
    arms: Sequence[Arm]
    loads: Sequence[float | None]
    seeds: range
    count: int

    @property
    def runs(self) -> int:
        """How many there are."""
        return len(self.arms) * len(self.loads) * len(self.seeds)

    def draw(self, seed: int) -> list[Request]:
        """The requests of a seed."""
        return self.source.draw(self.count, seed, in_order=self.arrivals.own)

    def run(self, watch: Watch = lambda row, outcome: None) -> Iterator[Row]:
        """All rows, the arms side by side on the same requests and arrivals.

        Raises:
            ValueError: no request fits the engines.
        """
        for seed in self.seeds:
            study = Study(self.setting, self.draw, self.arrivals)
            for asked in self.loads:
                load = study.load(asked, seed)
                for arm in self.arms:
                    outcome = study.simulate(arm, load, seed)
                    row = study.describe(arm, load, seed) | figures(outcome)
                    row["asked_load"] = "own" if asked is None else f"{asked:g}"
                    watch(row, outcome)
                    yield row
