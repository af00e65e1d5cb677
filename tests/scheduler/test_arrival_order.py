"""The order in which any arrivals are served on one slot."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from scheduler.job import Job
from scheduler.policy import LEVEL, POLICIES
from scheduler.scheduler import Scheduler
from tests.scheduler.any_jobs import (
    LONGEST,
    MODELS,
)
from tests.scheduler.builders import job, spec

ARRIVALS = st.lists(
    st.tuples(st.sampled_from(MODELS), st.floats(0, 10), st.integers(1, LONGEST)), max_size=30
)


def order_of_service(policy: str, rate: float, arrivals: list[tuple[str, float, int]]) -> list[Job]:
    """The order of dispatch on one slot; all jobs arrive while a first job runs."""
    scheduler = Scheduler(POLICIES[policy](rate))
    scheduler.set_worker(spec(models=MODELS))
    now, order = 0.0, [job("first", model="a")]
    scheduler.submit(order[0])
    for n, (model, gap, tokens) in enumerate(arrivals):
        now += gap
        scheduler.submit(job(f"j{n}", model=model, arrival=now, tokens=tokens))
    while actions := scheduler.release(order[-1].id):
        order += [action.job for action in actions]
    return order[1:]


@given(ARRIVALS)
def test_fcfs_keeps_the_order_of_any_arrivals(
    arrivals: list[tuple[str, float, int]],
) -> None:
    served = order_of_service("fcfs", 0.03, arrivals)
    assert len(served) == len(arrivals)
    for model in MODELS:
        of_model = [int(j.id[1:]) for j in served if j.model == model]
        assert of_model == sorted(of_model)


@given(ARRIVALS, st.sampled_from([0.03, 0.3, 3.0]))
def test_shortest_first_overtakes_within_the_bound_over_any_arrivals(
    arrivals: list[tuple[str, float, int]], rate: float
) -> None:
    served = order_of_service("sejf", rate, arrivals)
    assert len(served) == len(arrivals)
    for n, overtaker in enumerate(served):
        for overtaken in served[n + 1 :]:
            lead = overtaker.arrival_turns - overtaken.arrival_turns
            sizes = (min(j.length.mean, LEVEL * j.usual_tokens) for j in (overtaken, overtaker))
            spread = math.log(next(sizes) / next(sizes))
            assert lead <= 1e-6 or lead <= spread / rate + 1e-6
