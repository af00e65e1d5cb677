"""The step clock counts the engine's priced steps, and real time while the engine has no work."""

from __future__ import annotations

import pytest

from scheduler.sim.costs import StepCosts
from tests.bench.step_clock import Hand, Meter, Step

COSTS = StepCosts(
    base=0.01, per_sequence=1e-3, per_kv_token=1e-6, per_prefill_token=1e-4, per_request=0.1
)
LINE = (
    "(APIServer pid=7) INFO 11-26 11:41:01 [loggers.py:198] Engine 000: Iteration(412): "
    "1 context requests, 37 context tokens, 3 generation requests, 203 generation tokens, "
    "iteration elapsed time: 12.50 ms, CPU KV cache usage: 25.0%\n"
)


def test_a_line_of_the_log_is_read_as_the_work_of_a_step() -> None:
    assert Step.parse(LINE) == Step(1, 37, 3, 203, 0.0125, 0.25)
    assert Step.parse("INFO: 127.0.0.1:4 - POST /v1/chat/completions 200 OK\n") is None


def test_every_cost_is_charged_for_its_kind_of_work() -> None:
    step = Step(1, 37, 3, 203, elapsed=9.0, kv_usage=0.25)
    computed_again = 203 - 3
    assert step.price(COSTS, 8000) == pytest.approx(
        0.01 + 4 * 1e-3 + 2000 * 1e-6 + (37 + computed_again) * 1e-4 + 0.1
    )


def test_a_step_counts_its_price_and_a_pause_its_real_time() -> None:
    decode = Step(0, 0, 2, 2, elapsed=5.0, kv_usage=0.0)
    meter = Meter(COSTS, 8000)
    meter.step(decode)
    assert meter.reading == pytest.approx(0.012)
    meter.idle(1.0)
    meter.idle(5.0)
    assert meter.reading == pytest.approx(0.012 + 6.0)
    meter.step(decode)
    assert meter.reading == pytest.approx(2 * 0.012 + 1.0), "five of the six were in it"


def test_the_hand_repeats_the_last_interval_and_never_goes_back() -> None:
    hand = Hand(behind=5.0, ahead=5.0, since=100.0, span=0.1).next(100.1, 5.4)
    assert hand.at(100.1) == 5.0
    assert hand.at(100.15) == pytest.approx(5.2)
    assert hand.at(103.0) == hand.ahead == pytest.approx(5.4)
    early = hand.next(100.15, 5.3)
    assert early.at(100.15) == pytest.approx(5.2)
    assert early.at(100.2) == pytest.approx(5.4)
