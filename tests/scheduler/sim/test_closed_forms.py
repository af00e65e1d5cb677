"""The simulator against queueing theory: Pollaczek and Khinchine's formula, and Cobham's.

An engine with one slot whose steps take one second needs n seconds for an answer of n tokens: an
M/G/1 queue. Each of its waits equals the wait in a reference queue of ten lines. The reference
queue is fast enough for its mean to be compared with the formulas.
"""

from __future__ import annotations

import numpy as np
import pytest

from scheduler.length import LengthDistribution
from scheduler.sim.arms import Arm, Server
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate
from tests.scheduler.sim.queues import (
    Array,
    Service,
    cobham,
    pollaczek_khinchine,
    waits_in_order,
    waits_shortest_first,
)

ALIKE = Service([2], [1.0])
TWO = Service([1, 6], [0.8, 0.2])
MANY = Service([1, 2, 3, 5, 40], [0.4, 0.3, 0.15, 0.12, 0.03])
SERVER = Server(EngineConfig(max_num_seqs=1), StepCosts(1.0, 0.0, 0.0, 0.0))

each_service = pytest.mark.parametrize(
    "service", [ALIKE, TWO, MANY], ids=["alike", "two sizes", "many sizes"]
)


def simulated_waits(policy: str, arrivals: Array, served: Array) -> Array:
    """Seconds from arrival to the first step, with exact forecasts."""
    lengths = {size: LengthDistribution.point(size) for size in set(served.tolist())}
    requests = [Request(1, round(size), lengths[size]) for size in served.tolist()]
    arm = Arm(policy, ageing=0.0, engine_queue=0)
    records = simulate(requests, arrivals.tolist(), [SERVER], arm).records
    starts = np.array([(record.first_token or np.nan) - 1.0 for record in records])
    return np.asarray(starts - arrivals)


@each_service
@pytest.mark.parametrize(("policy", "load"), [("stock", 0.5), ("stock", 0.95), ("fcfs", 0.8)])
def test_simulated_waits_in_order_follow_pollaczek_and_khinchine(
    service: Service, policy: str, load: float
) -> None:
    arrivals, served = service.draw(load, 6_000, seed=1)
    expected = waits_in_order(arrivals, served)
    found = simulated_waits(policy, arrivals, served)
    assert np.abs(found - expected).max() < 1e-6
    # Both queues have the same random arrivals, so their difference has no sampling error.
    formula = pollaczek_khinchine(service, load)
    assert found.mean() - expected.mean() + formula == pytest.approx(formula, rel=0.02)


@each_service
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_the_reference_queue_in_order_meets_the_formula(service: Service, load: float) -> None:
    means = [
        waits_in_order(*service.draw(load, 1_000_000, seed)).mean()
        / pollaczek_khinchine(service, load)
        for seed in range(5)
    ]
    assert np.std(means) / len(means) ** 0.5 < 0.006
    assert np.mean(means) == pytest.approx(1.0, abs=0.012)


@each_service
@pytest.mark.parametrize("load", [0.5, 0.9])
def test_simulated_waits_of_the_shortest_first_equal_the_reference_queues(
    service: Service, load: float
) -> None:
    arrivals, served = service.draw(load, 6_000, seed=1)
    expected = waits_shortest_first(arrivals, served)
    found = simulated_waits("sept", arrivals, served)
    assert np.abs(found - expected).max() < 1e-6


@pytest.mark.parametrize("service", [TWO, MANY], ids=["two classes", "five classes"])
def test_the_reference_queue_of_the_shortest_first_follows_cobham(service: Service) -> None:
    load, formula = 0.7, cobham(service, 0.7)
    runs = []
    for seed in range(6):
        arrivals, served = service.draw(load, 500_000, seed)
        waits = waits_shortest_first(arrivals, served)
        runs.append([waits[served == size].mean() / formula[size] for size in formula])
    errors = np.std(runs, axis=0) / len(runs) ** 0.5
    assert errors.max() < 0.01
    assert np.abs(np.mean(runs, axis=0) - 1.0).max() < 0.02
