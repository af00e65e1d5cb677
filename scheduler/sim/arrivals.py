"""Arrivals: the times at which requests arrive, in seconds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise


def poisson(count: int, rate: float, rng: random.Random) -> list[float]:
    """``count`` arrivals of a Poisson process of ``rate`` a second."""
    return list(accumulate(rng.expovariate(rate) for _ in range(count)))


def gamma(count: int, rate: float, cv: float, rng: random.Random) -> list[float]:
    """``count`` arrivals with gamma-distributed gaps, ``rate`` a second on average.

    ``cv`` is the coefficient of variation of the gaps: 1 for a Poisson process, 2 or 3 for
    production traffic of many users.
    """
    shape = 1 / cv**2
    return list(accumulate(rng.gammavariate(shape, 1 / (shape * rate)) for _ in range(count)))


def gaps_of(times: Sequence[float]) -> list[float]:
    """The gap in seconds before each of the ascending ``times``; before the first, the mean gap.

    Raises:
        ValueError: there are fewer than two different times.
    """
    gaps = [after - before for before, after in pairwise(times)]
    if not sum(gaps) > 0:
        raise ValueError(f"a trace needs two different times at least, got {len(times)} rows")
    return [sum(gaps) / len(gaps), *gaps]


def stretch(gaps: Sequence[float], count: int, start: int, rate: float | None) -> list[float]:
    """``count`` arrivals of a trace with ``gaps``, from index ``start`` on.

    The end of the trace continues at its start. The gaps are scaled to ``rate`` a second on
    average; None leaves the gaps unchanged.
    """
    taken = [gaps[(start + index) % len(gaps)] for index in range(count)]
    factor = count / (rate * max(sum(taken), 1e-9)) if rate is not None else 1.0
    return [factor * time for time in accumulate(taken)]
