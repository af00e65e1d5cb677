"""Several tenants: each gets its share of the tokens, and keeps its own order."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from scheduler.actions import Dispatch, Reject
from scheduler.fairness import TokenCounters
from scheduler.policy import sejf
from scheduler.scheduler import Scheduler
from tests.scheduler.builders import job, spec, summary
from tests.scheduler.conftest import MakeScheduler


def serve_all(scheduler: Scheduler, running: str, tokens: dict[str, int]) -> list[str]:
    """The order of dispatch on one slot. A job writes its number of ``tokens``, 0 by default."""
    order = []
    while actions := scheduler.release(running, tokens.get(running)):
        assert isinstance(actions[0], Dispatch)
        running = actions[0].job.id
        order.append(running)
    return order


def test_a_flood_of_one_tenant_delays_another_by_one_job_at_most(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("running", tenant="flood"))
    for n in range(50):
        scheduler.submit(job(f"f{n}", tenant="flood", arrival=n))
    scheduler.submit(job("only", tenant="quiet", arrival=60, tokens=900))
    written = {f"f{n}": 100 for n in range(50)}
    assert "only" in serve_all(scheduler, "running", written)[:2]


def test_a_cost_that_is_no_number_leaves_the_counters_in_order() -> None:
    counters = TokenCounters()
    odd = replace(job("odd", tenant="a", tokens=1e308, sequences=9), attained=1)
    for tenant in "ab":
        counters.begin_waiting(tenant)
    counters.settle(odd, counters.charge(odd))
    counters.refund(odd, math.nan)
    counters.recall({"a": math.nan, "b": math.inf}, math.inf)
    counters.charge(job("next", tenant="b", prompt=0, tokens=10))
    assert (counters["a"], counters["b"], counters["new"]) == (0, 10, 0)


def test_tokens_are_shared_by_weight(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("running", tenant="x"))
    tokens = {}
    for n in range(40):
        for tenant, share in (("a", 1.0), ("b", 3.0)):
            scheduler.submit(job(f"{tenant}{n}", tenant=tenant, share=share, arrival=n, prompt=0))
            tokens[f"{tenant}{n}"] = 100
    first = serve_all(scheduler, "running", tokens)[:40]
    assert sum(id.startswith("b") for id in first) == pytest.approx(30, abs=1)


def test_the_jobs_of_one_tenant_keep_the_policys_order(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=sejf(0.03))
    scheduler.submit(job("running", tenant="a"))
    for n, tokens in enumerate((500, 20, 90, 3)):
        scheduler.submit(job(f"a{n}", tenant="a", tokens=tokens))
        scheduler.submit(job(f"b{n}", tenant="b", tokens=tokens))
    order = serve_all(scheduler, "running", {})
    for tenant in "ab":
        own = [id for id in order if id.startswith(tenant)]
        assert own[:2] == [f"{tenant}3", f"{tenant}1"]


def test_a_tenant_pays_for_tokens_beyond_the_forecast(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("running", tenant="x"))
    tokens = {}
    for n in range(20):
        for tenant, written in (("honest", 100), ("sly", 400)):
            scheduler.submit(job(f"{tenant}{n}", tenant=tenant, tokens=100, prompt=0, arrival=n))
            tokens[f"{tenant}{n}"] = written
    first = serve_all(scheduler, "running", tokens)[:20]
    assert sum(id.startswith("sly") for id in first) == pytest.approx(20 / 5, abs=1)


def test_a_tenant_pays_less_for_an_answer_shorter_than_its_forecast(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("running", tenant="x"))
    for n in (1, 2):
        scheduler.submit(job(f"a{n}", tenant="a", tokens=1000, prompt=0, arrival=n))
        scheduler.submit(job(f"b{n}", tenant="b", tokens=500, prompt=0, arrival=n))
    order = serve_all(scheduler, "running", {"a1": 10, "b1": 500})
    assert order == ["a1", "b1", "a2", "b2"]


def test_a_tenant_pays_for_no_more_tokens_than_its_request_allowed(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("running", tenant="x"))
    for n in (1, 2, 3, 4):
        a = job(f"a{n}", tenant="a", tokens=100, prompt=0, arrival=n)
        scheduler.submit(replace(a, most_tokens=200))
        scheduler.submit(job(f"b{n}", tenant="b", tokens=100, prompt=0, arrival=n))
    written = {f"{tenant}{n}": 100 for tenant in "ab" for n in (1, 2, 3, 4)}
    order = serve_all(scheduler, "running", {**written, "a1": 2**31 - 1})
    assert order.index("a2") <= 4, "two turns' worth is paid for, not a billion tokens"


def test_a_requeued_job_costs_its_tenant_nothing(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("z1", tenant="z", arrival=1))
    scheduler.submit(job("z2", tenant="z", arrival=2))
    scheduler.submit(job("a1", tenant="a", arrival=3))
    scheduler.set_health("w", healthy=False)
    scheduler.requeue("z1")
    assert summary(scheduler.set_health("w", healthy=True)) == ["z1>w"]


def test_a_tenant_that_returns_starts_at_the_latest_counter() -> None:
    counters = TokenCounters()
    counters.begin_waiting("busy")
    counters.begin_waiting("back")
    counters.charge(job("j", tenant="back", tokens=500, prompt=0))
    counters.end_waiting("back")
    for n in range(100):
        counters.charge(job(f"j{n}", tenant="busy", tokens=100, prompt=0))
    counters.begin_waiting("back")
    assert counters["back"] == counters["busy"] - 100


def test_an_idle_tenant_saves_nothing_up() -> None:
    counters = TokenCounters()
    for n in range(10):
        counters.begin_waiting("busy")
        counters.charge(job(f"j{n}", tenant="busy", tokens=100, prompt=0))
        counters.end_waiting("busy")
    before = counters["busy"]
    counters.begin_waiting("late")
    assert before - counters["late"] <= 100
    assert counters["late"] > 0


def test_slots_that_are_free_together_alternate_between_tenants(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=4)])
    scheduler.set_health("w", healthy=False)
    for n in range(3):
        for tenant in "ab":
            scheduler.submit(job(f"{tenant}{n}", tenant=tenant))
    actions = scheduler.set_health("w", healthy=True)
    assert summary(actions) == ["a0>w", "b0>w", "a1>w", "b1>w"]


def test_a_settlement_keeps_the_counter_of_a_waiting_tenant() -> None:
    counters = TokenCounters()
    counters.begin_waiting("t")
    ended = job("j", tenant="t", tokens=100, prompt=0)
    charged = counters.charge(ended)
    for n in range(10):
        counters.charge(job(f"b{n}", tenant="busy", tokens=100, prompt=0))
    ended.attained = 100
    counters.settle(ended, charged)
    assert counters["t"] == 100


def test_charges_settlements_and_refunds_are_divided_by_the_share() -> None:
    counters = TokenCounters()
    counters.begin_waiting("t")
    paid = job("j", tenant="t", share=4.0, tokens=100, sequences=3, prompt=400)
    charged = counters.charge(paid)
    assert (charged, counters["t"]) == (400, 100), "a quarter of the prompt and all outputs"
    paid.attained = 50
    counters.settle(paid, charged)
    assert counters["t"] == (100 + 3 * 50) / 4
    counters.refund(paid, counters.charge(paid))
    assert counters["t"] == (100 + 3 * 50) / 4


def test_without_waiting_jobs_all_tenants_are_even_again() -> None:
    counters = TokenCounters()
    for tenant, tokens in (("heavy", 1000), ("light", 10)):
        counters.begin_waiting(tenant)
        counters.charge(job(tenant, tenant=tenant, tokens=tokens, prompt=0))
    for tenant in ("heavy", "light"):
        counters.end_waiting(tenant)
    assert counters["heavy"] == counters["light"] == counters["new"] == 1000


def test_tenants_of_models_that_share_a_worker_share_the_worker(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(models="mn")])
    scheduler.submit(job("running", tenant="x"))
    for n in (1, 2):
        scheduler.submit(job(f"a{n}", model="m", tenant="a", arrival=n))
        scheduler.submit(job(f"b{n}", model="n", tenant="b", arrival=9 + n))
    assert serve_all(scheduler, "running", {}) == ["a1", "b1", "a2", "b2"]


def test_counters_of_tenants_without_jobs_are_forgotten() -> None:
    counters = TokenCounters()
    for n in range(1000):
        one = job(f"j{n}", tenant=f"t{n}", tokens=100)
        counters.begin_waiting(one.tenant)
        charged = counters.charge(one)
        counters.end_waiting(one.tenant)
        counters.settle(one, charged)
    assert len(counters) < 10


def test_a_lower_class_goes_first_whatever_the_keys(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=sejf(0.03))
    scheduler.submit(job("running"))
    scheduler.submit(job("batch", urgency=1, tokens=1))
    scheduler.submit(job("interactive", urgency=0, tokens=5000, arrival=100))
    assert serve_all(scheduler, "running", {}) == ["interactive", "batch"]


def test_each_tenant_has_its_own_bound_on_waiting_jobs() -> None:
    scheduler = Scheduler(sejf(0.03), max_waiting_per_tenant=2)
    scheduler.set_worker(spec())
    scheduler.submit(job("running", tenant="a"))
    assert scheduler.submit(job("a1", tenant="a")) == []
    assert scheduler.submit(job("a2", tenant="a")) == []
    (refused,) = scheduler.submit(job("a3", tenant="a"))
    assert isinstance(refused, Reject)
    assert refused.reason == "tenant_queue_full"
    assert scheduler.submit(job("b1", tenant="b")) == []
    scheduler.check()
