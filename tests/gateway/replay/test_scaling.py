"""Step costs that are off are corrected also where the engines are saturated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gateway.replay import engine_run
from gateway.replay import replay as replaying
from gateway.replay.judge import equipped, figures
from gateway.replay.replay import ACTUAL, PRESENT, replay
from scheduler.sim.simulator import Outcome, simulate
from tests.gateway.replay.traffic import COSTS, Traffic, traffic


@pytest.fixture(scope="module")
def saturated() -> Traffic:
    """Traffic near the capacity of its worker, long enough for a queue to grow."""
    return traffic(count=800, rate=3.5)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_costs_that_are_off_are_corrected_at_the_capacity(
    saturated: Traffic, factor: float
) -> None:
    window = saturated.history().window(1e6, 1e7, 10_000)
    found = equipped(window, saturated.setup, COSTS.scaled(factor))
    page = figures(replay(window, found, saturated.setup), 0.2)
    assert page["state"] == "ok"
    assert abs(page["model"]["error_ratio"]["mean_e2e"]) < 0.03
    assert page["model"]["cost_factor"] == pytest.approx(1 / factor, rel=0.03)


def test_of_all_trials_the_best_one_counts(
    saturated: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trial is good enough here, so that all are made, and the last one is not the best."""
    window = saturated.history().window(1e6, 1e7, 10_000)
    monkeypatch.setattr(replaying, "SCALED_ENOUGH", 0.0)
    monkeypatch.setattr(replaying, "SCALINGS", 4)
    true = np.mean([record.e2e or 0.0 for record in saturated.outcome.records])
    errors: list[float] = []

    def noted(*args: Any) -> Outcome:
        outcome = simulate(*args)
        mean = np.mean([record.e2e or 0.0 for record in outcome.records])
        errors.append(abs(float(np.log(mean / true))))
        return outcome

    monkeypatch.setattr(engine_run, "simulate", noted)
    setup = {**saturated.setup, "priority": False}
    (pool,) = found = equipped(window, setup, COSTS.scaled(1.05))
    replayed = replay(window, found, setup)
    trials = errors[: replaying.SCALINGS + 1]
    assert len(errors) == len(trials) + 2  # and one for each baseline
    assert min(trials) < trials[-1]
    means = [float(np.mean(replayed.arms[arm].e2e)) for arm in (PRESENT, ACTUAL)]
    assert abs(np.log(means[0] / means[1])) == pytest.approx(min(trials))
    assert pool.costs == COSTS.scaled(1.05).scaled(pool.factor)
    assert replayed.cost_factors == [pool.factor]
