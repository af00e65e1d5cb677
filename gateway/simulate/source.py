"""Source: where simulated requests come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from scheduler.sim.request import Request


@dataclass(frozen=True, slots=True)
class Source:
    """``size`` requests to draw from.

    ``request`` makes the one at a position; what it leaves to chance (a length among several, the
    error of a forecast) it takes from the generator. ``times`` are their own arrivals in ascending
    seconds, empty if they have none. ``title`` tells in a line what they are and how forecast.
    """

    title: str
    size: int
    request: Callable[[int, Random], Request]
    times: Sequence[float] = ()

    def draw(self, count: int, seed: int, *, in_order: bool = False) -> list[Request]:
        """``count`` requests, repeated once all were used; the same seed gives the same ones.

        In an order of chance, or ``in_order``: from a place on that ``start`` gives, as they came.
        """
        rng = Random(seed)
        if in_order:
            first = start(self.size, seed)
            return [self.request((first + at) % self.size, rng) for at in range(count)]
        drawn: list[Request] = []
        while len(drawn) < count:
            drawn += [self.request(at, rng) for at in rng.sample(range(self.size), self.size)]
        return drawn[:count]


def start(size: int, seed: int) -> int:
    """Where a run through something in order begins: at its head, or (seed > 0) by chance."""
    return Random(seed).randrange(size) if seed else 0
