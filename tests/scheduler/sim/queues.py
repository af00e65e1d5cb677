"""Reference queues of one server, and the formulas of their mean waits.

The queues are fast enough for millions of requests, after which a mean wait is known to a percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Service:
    """A distribution of service times: seconds and their probabilities."""

    times: Sequence[int]
    shares: Sequence[float]

    def moment(self, order: int) -> float:
        return float(np.dot(np.power(self.times, float(order)), self.shares))

    def rate(self, load: float) -> float:
        """Arrivals a second at that load."""
        return load / self.moment(1)

    def draw(self, load: float, count: int, seed: int) -> tuple[Array, Array]:
        """Poisson arrivals at that load, and service times."""
        rng = np.random.default_rng(seed)
        arrivals = np.cumsum(rng.exponential(1 / self.rate(load), count))
        return arrivals, rng.choice(np.array(self.times, dtype=float), count, p=self.shares)


def pollaczek_khinchine(service: Service, load: float) -> float:
    """Mean wait of an M/G/1 queue, first come, first served."""
    return service.rate(load) * service.moment(2) / (2 * (1 - load))


def cobham(service: Service, load: float) -> dict[int, float]:
    """Mean wait by service time, shortest first, without preemption."""
    rate = service.rate(load)
    rest = rate * service.moment(2) / 2
    waits, before = {}, 0.0
    for time, share in zip(service.times, service.shares, strict=True):
        after = before + rate * share * time
        waits[time] = rest / ((1 - before) * (1 - after))
        before = after
    return waits


def waits_in_order(arrivals: Array, served: Array) -> Array:
    """Lindley's recursion: wait + service - gap, at least 0, is the wait of the next request."""
    steps = np.concatenate([[0.0], np.cumsum(served[:-1] - np.diff(arrivals))])
    return np.asarray(steps - np.minimum.accumulate(steps))


def waits_shortest_first(arrivals: Array, served: Array) -> Array:
    """Waits if a free server takes the shortest waiting request; ties in order of arrival."""
    waiting: list[tuple[float, int]] = []
    waits = np.zeros(len(arrivals))
    free, index, times, sizes = 0.0, 0, arrivals.tolist(), served.tolist()
    while index < len(times) or waiting:
        if not waiting:
            free = max(free, times[index])
        while index < len(times) and times[index] <= free:
            heappush(waiting, (sizes[index], index))
            index += 1
        size, number = heappop(waiting)
        waits[number] = free - times[number]
        free += size
    return waits
