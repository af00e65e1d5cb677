"""The step clock passes by what the engine has done, and by real time where nothing runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.costs import StepCosts
from tests.bench.step_clock import Account, Hand, passed

COSTS = StepCosts(
    base=0.01, per_sequence=1e-3, per_kv_token=1e-6, per_prefill_token=1e-4, per_request=0.1
)
BEFORE = Account(
    steps=1000, written=5000, computed=800, entered=30, preempted=2, running=4, kv_tokens=2000
)


def test_every_cost_is_charged_for_what_it_is_a_cost_of() -> None:
    now = replace(BEFORE, steps=1010, written=5040, computed=900, entered=31)
    seconds = now.seconds_since(BEFORE, COSTS)
    assert seconds == pytest.approx(10 * 0.01 + 40 * 1e-3 + 10 * 2000 * 1e-6 + 100 * 1e-4 + 0.1)


def test_a_preempted_answer_is_computed_again() -> None:
    now = replace(BEFORE, steps=1001, preempted=4)
    again = now.seconds_since(BEFORE, COSTS) - replace(BEFORE, steps=1001).seconds_since(
        BEFORE, COSTS
    )
    assert again == pytest.approx(2 * 2000 / 4 * 1e-4)


def test_time_is_real_only_while_nothing_runs() -> None:
    idle = replace(BEFORE, running=0)
    assert passed(idle, idle, 0.5, COSTS) == 0.5
    assert passed(BEFORE, BEFORE, 0.5, COSTS) == 0.0, "a long step"
    ended = replace(BEFORE, running=0, steps=1001)
    assert passed(BEFORE, ended, 0.5, COSTS) == ended.seconds_since(BEFORE, COSTS)


def test_the_hand_makes_the_way_of_the_last_look_and_never_goes_back() -> None:
    hand = Hand(behind=5.0, ahead=5.0, since=100.0, span=0.1).next(100.1, 0.4)
    assert hand.at(100.1) == 5.0
    assert hand.at(100.15) == pytest.approx(5.2)
    assert hand.at(103.0) == hand.ahead == pytest.approx(5.4)
    early = hand.next(100.15, 0.1)
    assert early.at(100.15) == pytest.approx(5.2)
    assert early.at(100.2) == pytest.approx(5.5)
