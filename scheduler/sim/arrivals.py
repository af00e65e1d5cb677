"""Arrivals: when requests come, in seconds."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise


def poisson(count: int, rate: float, rng: random.Random) -> list[float]:
    """``count`` arrivals at random, ``rate`` a second on average."""
    return list(accumulate(rng.expovariate(rate) for _ in range(count)))


def gamma(count: int, rate: float, cv: float, rng: random.Random) -> list[float]:
    """As ``poisson``, with gamma-distributed gaps of coefficient of variation ``cv``.

    1 is Poisson, more is burstier: 2 or 3 is what production traffic of many users shows.
    """
    shape = 1 / cv**2
    return list(accumulate(rng.gammavariate(shape, 1 / (shape * rate)) for _ in range(count)))


def scaled(times: Sequence[float], count: int, rate: float, rng: random.Random) -> list[float]:
    """A stretch of ``count`` arrivals of a trace, slowed or hurried to ``rate`` on average.

    ``times`` are ascending seconds. The stretch begins at a place drawn by chance and goes on at
    the trace's start when it comes to its end.

    Raises:
        ValueError: the trace has fewer than two different times.
    """
    gaps = [after - before for before, after in pairwise(times)]
    if not sum(gaps) > 0:
        raise ValueError(f"a trace needs two different times at least, got {len(times)} rows")
    start = rng.randrange(len(gaps))
    stretch = [gap for gap, _ in zip(_around(gaps, start), range(count), strict=False)]
    factor = count / (rate * sum(stretch)) if sum(stretch) else 0.0
    return [factor * time for time in accumulate(stretch)]


def _around(gaps: Sequence[float], start: int) -> Iterator[float]:
    at = start
    while True:
        yield gaps[at]
        at = (at + 1) % len(gaps)
