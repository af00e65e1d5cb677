"""Arrivals: when requests come, in seconds."""

from __future__ import annotations

import random
from collections.abc import Sequence
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


def gaps_of(times: Sequence[float]) -> list[float]:
    """The gap before each of the ascending ``times``; before the first, the mean of the others.

    Raises:
        ValueError: there are fewer than two different times.
    """
    gaps = [after - before for before, after in pairwise(times)]
    if not sum(gaps) > 0:
        raise ValueError(f"a trace needs two different times at least, got {len(times)} rows")
    return [sum(gaps) / len(gaps), *gaps]


def stretch(gaps: Sequence[float], count: int, start: int, rate: float | None) -> list[float]:
    """``count`` arrivals of a trace with ``gaps``, from ``start`` on and round again at its end.

    Slowed or hurried to ``rate`` a second on average; None leaves them as they are.
    """
    taken = [gaps[(start + at) % len(gaps)] for at in range(count)]
    factor = count / (rate * max(sum(taken), 1e-9)) if rate is not None else 1.0
    return [factor * time for time in accumulate(taken)]
