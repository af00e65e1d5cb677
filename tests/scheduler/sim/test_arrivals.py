from __future__ import annotations

import math
import random
from itertools import pairwise
from statistics import fmean, pstdev

import pytest

from scheduler.sim.arrivals import gamma, gaps_of, poisson, stretch


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise([0.0, *times])]


def test_poisson_arrivals_come_at_the_rate_with_a_coefficient_of_variation_of_one() -> None:
    found = gaps(poisson(20_000, 4.0, random.Random(1)))
    assert fmean(found) == pytest.approx(0.25, rel=0.03)
    assert pstdev(found) / fmean(found) == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize("cv", [0.5, 2.0])
def test_gamma_arrivals_come_at_the_rate_with_the_coefficient_of_variation(cv: float) -> None:
    found = gaps(gamma(40_000, 4.0, cv, random.Random(1)))
    assert fmean(found) == pytest.approx(0.25, rel=0.05)
    assert pstdev(found) / fmean(found) == pytest.approx(cv, rel=0.05)


def test_a_trace_keeps_its_bursts_at_another_rate() -> None:
    times = stretch(gaps_of([10.0, 10.0, 10.0, 16.0]), 4, 0, rate=2.0)
    assert times[-1] == pytest.approx(2.0)
    assert times[0] == times[1] == times[2]


def test_the_end_of_a_trace_continues_at_its_start() -> None:
    trace = gaps_of([0.0, 1.0, 3.0])  # gaps 1.5 (the mean), 1, 2
    assert stretch(trace, 4, 2, rate=None) == [2.0, 3.5, 4.5, 6.5]


def test_a_trace_without_two_different_times_is_refused() -> None:
    for times in ([], [1.0], [1.0, 1.0]):
        with pytest.raises(ValueError, match="two different times"):
            gaps_of(times)


def test_gaps_of_zero_arrive_at_once() -> None:
    assert stretch([0.0, 0.0, 5.0], 2, 0, rate=1.0) == [0.0, 0.0]
    assert not any(map(math.isnan, stretch([0.0, 0.0, 5.0], 2, 0, rate=1.0)))
