"""The replay's gateway admits what the real one admits: as late, and by the same KV count."""

from __future__ import annotations

import pytest

from gateway.config.settings import Config
from gateway.replay.judge import equipped
from gateway.replay.pools import LEAST_DELAY_S, Pool
from gateway.replay.replay import FCFS, PRESENT, Replayed, replay
from gateway.shadow.setup import policy_of
from tests.gateway.replay.traffic import COSTS, SCARCE_KV, SETUP, Traffic, traffic


def _replay(seen: Traffic, **changes: float) -> tuple[Pool, Replayed]:
    setup = seen.setup | changes
    window = seen.history().window(1e6, 1e7, 10_000)
    (pool,) = found = equipped(window, setup, COSTS)
    return pool, replay(window, found, setup)


@pytest.mark.parametrize("seconds", [0.001, 0.03, 0.2])
@pytest.mark.parametrize("setup", [SETUP, SCARCE_KV], ids=["slots", "memory"])
def test_the_delay_is_read_from_the_first_tokens(setup: dict[str, object], seconds: float) -> None:
    pool, replayed = _replay(traffic(setup, delay=seconds))
    assert pool.delay == pytest.approx(max(seconds, LEAST_DELAY_S), abs=0.02)
    assert replayed.cost_factors == pytest.approx([1.0], abs=0.01), "no slower step stands in"


def test_admission_goes_by_reports_of_the_kv_use_as_it_does_in_the_gateway() -> None:
    seen = traffic(SCARCE_KV, count=600, rate=6.0)
    _, replayed = _replay(seen)
    _, deaf = _replay(seen, kv_report_s=float("inf"))
    came = seen.outcome.preemptions
    assert sum(replayed.arms[PRESENT].preemptions) == pytest.approx(came, rel=0.2)
    assert sum(deaf.arms[PRESENT].preemptions) > 1.4 * came
    assert sum(replayed.arms[FCFS].preemptions) < 0.8 * sum(deaf.arms[FCFS].preemptions)


def test_the_replay_is_told_how_often_the_gateway_reads_the_kv_use() -> None:
    assert policy_of(Config.model_validate({"health": {"scrape_s": 7}}))["kv_report_s"] == 7.0
