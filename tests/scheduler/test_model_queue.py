"""The order of the waiting jobs: by class, then tenant, then key."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from scheduler.fairness import TokenCounters
from scheduler.model_queue import ModelQueue
from scheduler.waiting_jobs import WaitingJobs
from tests.scheduler.builders import job

TENANTS = "pqr"
WAITING = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.sampled_from(TENANTS), st.floats(0, 9)),
    max_size=20,
)
CHARGED = st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(1, 500)), max_size=9)


@given(WAITING, CHARGED)
@example([("a", 0, tenant, 0.0) for tenant in TENANTS], [("q", 500), ("r", 100)])
def test_jobs_come_in_the_order_of_their_ranks_at_any_counters(
    waiting: list[tuple[str, int, str, float]], charged: list[tuple[str, int]]
) -> None:
    counters = TokenCounters()
    queue = ModelQueue(counters)
    for n, (_, urgency, tenant, key) in enumerate(waiting):
        queue.push(job(f"j{n}", urgency=urgency, tenant=tenant), key)
    for tenant, tokens in charged:  # the queue does not hear of charges
        counters.charge(job("running", tenant=tenant, tokens=tokens))
    expected = sorted((u, counters[t], t, key, n) for n, (_, u, t, key) in enumerate(waiting))
    for _ in range(2):  # looking changes nothing
        assert [one.id for _, one in queue.in_order()] == [f"j{n}" for *_, n in expected]


@given(WAITING, st.sets(st.sampled_from("ab")))
def test_of_several_models_the_first_jobs_come_and_the_others_while_wanted(
    waiting: list[tuple[str, int, str, float]], wanted: set[str]
) -> None:
    jobs = WaitingJobs(TokenCounters())
    for n, (model, urgency, _, key) in enumerate(waiting):
        jobs.push(job(f"j{n}", model=model, urgency=urgency), key)
    in_order = sorted((u, key, n, model) for n, (model, u, _, key) in enumerate(waiting))
    expected = [
        (u, key, model)
        for at, (u, key, _, model) in enumerate(in_order)
        if model in wanted or model not in [one[3] for one in in_order[:at]]
    ]
    wants = lambda one: one.model in wanted  # noqa: E731
    found = [(j.urgency, jobs[j.id][1], j.model) for j in jobs.by_rank(wants)]
    assert found[: len(expected)] == sorted(found[: len(expected)], key=lambda one: one[:2])
    assert sorted(found) == sorted(expected)
