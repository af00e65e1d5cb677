"""RequestSource: the requests that a simulation draws from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from scheduler.sim.forecasts import FixedForecasts, MakeForecaster
from scheduler.sim.request import Request


@dataclass(frozen=True, slots=True)
class RequestSource:
    """``size`` requests to draw from.

    ``title`` is one line for the report: the kind of requests and of forecasts. ``request`` returns
    the request at an index. The generator draws the random parts of the request: one of several
    recorded lengths, or the error of a drawn forecast. ``times`` are the requests' own arrivals in
    ascending seconds, empty if the requests have no arrivals. ``forecaster`` makes the forecaster
    of one run.
    """

    title: str
    size: int
    request: Callable[[int, Random], Request]
    times: Sequence[float] = ()
    forecaster: MakeForecaster = FixedForecasts

    def draw(self, count: int, seed: int, *, in_order: bool = False) -> list[Request]:
        """``count`` requests; the same seed gives the same requests.

        The order is random, and no request comes twice before every request has come once.
        ``in_order`` keeps the order of the source instead, from ``start_index`` on.
        """
        rng = Random(seed)
        if in_order:
            first = start_index(self.size, seed)
            return [self.request((first + offset) % self.size, rng) for offset in range(count)]
        drawn: list[Request] = []
        while len(drawn) < count:
            drawn += [self.request(index, rng) for index in rng.sample(range(self.size), self.size)]
        return drawn[:count]


def start_index(size: int, seed: int) -> int:
    """Where a run begins in a recorded order of ``size`` items: 0 for seed 0, else random."""
    return Random(seed).randrange(size) if seed else 0
