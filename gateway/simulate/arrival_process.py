"""ArrivalProcess: the arrival times of a run's requests."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.simulate.inputs.source import start_index
from scheduler.sim import arrivals


@dataclass(frozen=True, slots=True)
class ArrivalProcess:
    """Poisson or gamma arrivals, or the arrivals of a trace.

    ``name`` is "poisson", "gamma" (gaps with coefficient of variation ``cv``) or the trace's name;
    the report shows the name. ``times`` are the trace's ascending seconds. ``own``: the times are
    the requests' own recorded arrivals, so the requests keep their recorded order.
    """

    name: str = "poisson"
    cv: float = 2.0
    times: Sequence[float] = ()
    own: bool = False

    def draw(self, count: int, rate: float, seed: int) -> list[float]:
        """Ascending seconds of ``count`` arrivals at ``rate`` requests per second.

        The same seed gives the same arrivals; another rate only stretches the times.
        """
        if self.times:
            return self._from_trace(count, rate, seed)
        rng = random.Random(seed)
        if self.name == "gamma":
            return arrivals.gamma(count, rate, self.cv, rng)
        return arrivals.poisson(count, rate, rng)

    def recorded_rate(self, count: int, seed: int) -> float:
        """Requests per second of the trace, over the part of the trace that ``draw`` takes."""
        return count / self._from_trace(count, None, seed)[-1]

    def _from_trace(self, count: int, rate: float | None, seed: int) -> list[float]:
        gaps = arrivals.gaps_of(self.times)
        return arrivals.stretch(gaps, count, start_index(len(gaps), seed), rate)
